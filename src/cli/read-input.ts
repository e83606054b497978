import { readFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { UserError } from '../lib/errors.ts';
import type { CliContext } from './context.ts';

/**
 * Reads a file of the command line, of which `-` is standard input.
 * @throws UserError `cannot read WHAT from PATH`
 */
export async function readInput(
  { stdin, signal }: Pick<CliContext, 'stdin' | 'signal'>,
  path: string,
  what: string,
  remedy: string,
): Promise<string> {
  if (path === '-') return text(addAbortSignal(signal, stdin));
  try {
    return await readFile(path, { encoding: 'utf8', signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new UserError(`cannot read ${what} from ${path}`, { remedy, cause: error });
  }
}
