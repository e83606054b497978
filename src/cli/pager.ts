import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { errorCode, UserError } from '../lib/errors.ts';
import { isCommandInstalled } from '../lib/run-command.ts';
import type { CliContext } from './context.ts';

// The same as git's: quit if the text fits on one screen, keep colours, do not clear the screen.
const defaults = { LESS: 'FRX', LV: '-c' };
const shellCommandNotFound = 127;

/**
 * Calls `write` with the pager's input on a terminal, otherwise with standard output. Its signal aborts when the reader is
 * gone. Resolves after the pager has exited, even before the end of the text.
 */
export async function throughPager(
  context: CliContext,
  wanted: boolean,
  write: (out: Writable, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { stdout, env, signal, startPager } = context;
  const command = wanted && stdout.isTTY && startPager ? await pagerCommand(env) : undefined;
  if (command === undefined || startPager === undefined) return write(stdout, signal);
  const pager = startPager('/bin/sh', ['-c', command], { ...defaults, ...env });
  const left = new AbortController();
  const ended = once(pager, 'close').finally(() => left.abort());
  // EPIPE: the pager has exited.
  pager.stdin.on('error', () => left.abort());
  const stop = () => pager.kill();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await write(pager.stdin, AbortSignal.any([signal, left.signal]));
  } catch (error) {
    if (!left.signal.aborted && errorCode(error) !== 'EPIPE') throw error;
  } finally {
    pager.stdin.end();
    await ended;
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  if (pager.exitCode === shellCommandNotFound) {
    throw new UserError(`cannot run the pager "${command}"`, {
      remedy: 'Set PAGER to another program, or use --no-pager.',
    });
  }
}

/** A shell command; undefined for no pager. */
async function pagerCommand(env: CliContext['env']): Promise<string | undefined> {
  const chosen = env['PAGER']?.trim();
  if (chosen !== undefined) return chosen === '' || chosen === 'cat' ? undefined : chosen;
  return (await isCommandInstalled('less', env)) ? 'less' : undefined;
}
