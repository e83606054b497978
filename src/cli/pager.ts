import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { errorCode, UserError } from '../lib/errors.ts';
import { isCommandInstalled } from '../lib/run-command.ts';
import type { CliContext } from './context.ts';

// What git gives to less: leave at once when all fits on the screen, keep colours, don't clear the screen.
const defaults = { LESS: 'FRX', LV: '-c' };
const shellCommandNotFound = 127;

/**
 * Calls `write` with the pager's input on a terminal, else with standard output; the signal ends when nobody reads any more.
 * Resolves when the person has left the pager, also when that was before the end.
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
  // Its error says only that nobody reads any more.
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
    throw new UserError(`the pager "${command}" cannot be run`, {
      remedy: 'Set PAGER to another one, or use --no-pager.',
    });
  }
}

/** For a shell; undefined when there is to be none. */
async function pagerCommand(env: CliContext['env']): Promise<string | undefined> {
  const chosen = env['PAGER']?.trim();
  if (chosen !== undefined) return chosen === '' || chosen === 'cat' ? undefined : chosen;
  return (await isCommandInstalled('less', env)) ? 'less' : undefined;
}
