import type { CliContext } from '../context.ts';

/** Writes the only copy of something. Resolves with false if it cannot be written. */
export async function isWritten({ stdout, signal }: CliContext, text: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  signal.addEventListener('abort', () => resolve(false), { once: true });
  stdout.write(text, (error) => resolve(!error));
  return promise;
}
