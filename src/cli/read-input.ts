import { UserError } from '../lib/errors.ts';
import { readFailure, readNamedText, readStream } from '../lib/read-file.ts';
import type { CliContext } from './context.ts';

/** Names of standard input. The last two cannot be opened if it is a socket, as under many programs. */
const standardInput = new Set(['-', '/dev/stdin', '/dev/fd/0']);

/**
 * Reads a file or a pipe of the command line, of which `-` is standard input.
 * @throws UserError `cannot read WHAT from PATH`
 */
export async function readInput(
  { stdin, signal }: Pick<CliContext, 'stdin' | 'signal'>,
  path: string,
  what: string,
  remedy: string,
): Promise<string> {
  try {
    if (standardInput.has(path)) return await readStream(stdin, path, { signal });
    return await readNamedText(path, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new UserError(`cannot read ${what} from ${path}`, { remedy, cause: readFailure(error) });
  }
}
