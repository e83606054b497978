import type { CliContext } from './context.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 100;
const patienceMs = 500;
const clearLine = '\r\x1b[2K';

/** On a terminal, tells what is going on and for how long, once `work` takes more than half a second. */
export async function withProgress<T>(
  { stderr, env }: Pick<CliContext, 'stderr' | 'env'>,
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  if (stderr.isTTY !== true || env['TERM'] === 'dumb') return work();
  const begin = performance.now();
  let drawn = 0;
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - begin;
    if (elapsedMs < patienceMs) return;
    const frame = frames[drawn % frames.length];
    drawn += 1;
    stderr.write(`${clearLine}${frame} ${text} … ${Math.floor(elapsedMs / 1000)} s`);
  }, frameMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (drawn > 0) stderr.write(clearLine);
  }
}
