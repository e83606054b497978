import { systemClock } from '../lib/clock.ts';
import type { CliContext } from './context.ts';

export const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
export const frameMs = 100;
const delayMs = 500;
export const clearLine = '\r\x1b[2K';

/** On a terminal, shows `text` and the elapsed time while `work` takes longer than half a second. */
export async function withProgress<T>(
  { stderr, env }: Pick<CliContext, 'stderr' | 'env'>,
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  if (stderr.isTTY !== true || env['TERM'] === 'dumb') return work();
  const begin = systemClock.now();
  let drawn = 0;
  const timer = setInterval(() => {
    const elapsedMs = systemClock.now() - begin;
    if (elapsedMs < delayMs || stderr.writableNeedDrain) return;
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
