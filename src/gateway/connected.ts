/** Waits for connections, and explains why there is none. */
import type { Socket } from 'node:net';
import { errorCode } from '../lib/errors.ts';

/** An allowed host cannot be reached. The message follows "cannot reach HOST: ". */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export const keepAliveMs = 60_000;

export interface ConnectOptions {
  timeoutMs: number;
  signal: AbortSignal;
}

/** Without `signal` in the socket's options: a socket that is connected must survive the request that asked for it. */
export function connected(socket: Socket, event: string, { timeoutMs, signal }: ConnectOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (reason: string, cause?: unknown) => {
    socket.destroy();
    reject(new UnreachableError(reason, { cause }));
  };
  const timer = setTimeout(() => fail('it does not respond'), timeoutMs);
  const onAbort = () => fail('the request was cancelled');
  const onError = (error: unknown) => fail(describe(error), error);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  socket.once('error', onError).once(event, resolve);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    socket.off('error', onError);
    // The owner adds its own listeners at once; until then, an error must not end the process.
    socket.on('error', () => socket.destroy());
  });
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ETIMEDOUT: 'it does not respond',
  ENETUNREACH: 'the network is unreachable',
  EHOSTUNREACH: 'the host is unreachable',
  EMFILE: 'too many open connections',
};

function describe(error: unknown): string {
  const code = errorCode(error) ?? (error instanceof AggregateError ? errorCode(error.errors[0]) : undefined);
  return reasons[code ?? ''] ?? `connection failed (${code ?? 'unknown reason'})`;
}
