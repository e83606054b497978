import { isUtf8 } from 'node:buffer';
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ExitCode, errorCode, formatError, UserError } from '../lib/errors.ts';
import { readBytes, readFailure } from '../lib/read-file.ts';
import { shellQuote } from '../lib/shell-quote.ts';

/**
 * The text of the configuration file without a byte order mark; undefined if the file does not exist.
 * @throws UserError (exit code 3) if it cannot be read, is not a regular file, or is not UTF-8; the signal's reason
 */
export async function readConfigText(path: string, signal?: AbortSignal): Promise<string | undefined> {
  const content = await readContent(path, signal);
  return content === undefined ? undefined : decode(path, content);
}

/** A warning with a remedy if other users can read or write the file; otherwise none. */
export async function permissionWarnings(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !isOpenToOthers(found)) return [];
  return [`${path} contains tokens and other users can access it. Run: ${closeCommand(path, found)}`];
}

/** A file of root that a group can read is meant to be: the runner is a user of that group. */
export function isOpenToOthers({ mode, uid, gid }: Stats): boolean {
  const forItsGroup = uid === 0 && gid !== 0;
  return (mode & (forItsGroup ? 0o037 : 0o077)) !== 0;
}

/** The command that makes the configuration file private. */
export function closeCommand(path: string, { uid, gid }: Stats): string {
  return `chmod ${uid === 0 && gid !== 0 ? '640' : '600'} ${shellQuote(path)}`;
}

async function readContent(path: string, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  try {
    return await readBytes(path, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (errorCode(error) === 'ENOENT') return undefined;
    const reason = readFailure(error);
    throw new UserError(`cannot read the configuration file ${path}: ${formatError(reason)}`, {
      remedy: reason === error ? await remedyFor(error, path) : 'Choose a file with --config-file.',
      exitCode: ExitCode.configuration,
      cause: reason,
    });
  }
}

async function remedyFor(error: unknown, path: string): Promise<string> {
  const code = errorCode(error) ?? '';
  if (code === 'EACCES' || code === 'EPERM') {
    const found = await stat(path).catch(() => undefined);
    const isOwn = found === undefined || found.uid === process.geteuid?.();
    const command = isOwn ? `chmod u+rw ${shellQuote(path)}` : `sudo chown "$(id -un)" ${shellQuote(path)}`;
    return `Run this as the owner of the file, or run: ${command}.`;
  }
  const reason: Record<string, string> = {
    ENOTDIR: 'A part of its path is not a folder. Choose',
    ELOOP: 'It is a symbolic link to itself. Remove it, or choose',
  };
  return `${reason[code] ?? 'Choose'} another file with --config-file.`;
}

function decode(path: string, content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (error) {
    const line = firstInvalidLine(content);
    throw new UserError(`${path}:${line}: this line is not UTF-8 text`, {
      remedy: 'Save the file as UTF-8 with an editor. Nothing was changed.',
      exitCode: ExitCode.configuration,
      // The decoder's own message adds nothing.
      ...(error instanceof TypeError ? {} : { cause: error }),
    });
  }
}

// In UTF-8 a line break is never part of another character, so that each line can be checked alone.
function firstInvalidLine(content: Buffer): number {
  const lines = content.toString('latin1').split('\n');
  return lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
}
