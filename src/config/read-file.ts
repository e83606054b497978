import { isUtf8 } from 'node:buffer';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { ExitCode, errorCode, UserError } from '../lib/errors.ts';
import { shellQuote } from '../lib/shell-quote.ts';

/**
 * The text of the configuration file, without the byte order mark that some editors put before it; undefined when there
 * is no file.
 * @throws UserError (exit code 3) when it can't be read, is no file, or is not UTF-8; the signal's reason
 */
export async function readConfigText(path: string, signal?: AbortSignal): Promise<string | undefined> {
  const content = await readBytes(path, signal);
  return content === undefined ? undefined : decode(path, content);
}

/** Whether others than its owner can read or write it: a sentence with what to do, or none. */
export async function permissionWarnings(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || (found.mode & 0o077) === 0) return [];
  return [`${path} holds tokens and others can read it: run chmod 600 ${shellQuote(path)}`];
}

async function readBytes(path: string, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  try {
    // Looked at first, since opening alone does something to a device.
    requireFile(path, await stat(path));
    // A pipe that has come in its place meanwhile would otherwise keep the program waiting.
    await using file: FileHandle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    requireFile(path, await file.stat());
    return await file.readFile(signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (errorCode(error) === 'ENOENT') return undefined;
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot read the configuration file ${path}`, {
      remedy: remedyFor(error, path),
      exitCode: ExitCode.configuration,
      cause: error,
    });
  }
}

function requireFile(path: string, stats: Stats): void {
  if (stats.isFile()) return;
  throw new UserError(`the configuration file ${path} is ${kindOf(stats)}, and not a file`, {
    remedy: 'Name a file with --config-file.',
    exitCode: ExitCode.configuration,
  });
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** What to do about a file that can't be read. */
function remedyFor(error: unknown, path: string): string {
  const code = errorCode(error) ?? '';
  if (code === 'EACCES' || code === 'EPERM')
    return `Run this as its owner, who may have to: chmod u+rw ${shellQuote(path)}.`;
  const reason: Record<string, string> = {
    ENOTDIR: 'What its path leads through is not a folder: name',
    ELOOP: 'It is a link that leads back to itself: remove it, or name',
  };
  return `${reason[code] ?? 'Name'} another file with --config-file.`;
}

function decode(path: string, content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (error) {
    const line = firstWrongLine(content);
    throw new UserError(`${path}:${line}: this line is not UTF-8 text`, {
      remedy: `Save the file as UTF-8 with an editor; nothing was changed.`,
      exitCode: ExitCode.configuration,
      // What the decoder says adds nothing.
      ...(error instanceof TypeError ? {} : { cause: error }),
    });
  }
}

// No line break is part of another character in UTF-8, so that each line is right or wrong by itself.
function firstWrongLine(content: Buffer): number {
  const lines = content.toString('latin1').split('\n');
  return lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
}
