/**
 * The only way to read a file. Opening a named pipe waits for its writer, and a device may never end, so both would leave a
 * program that no signal can stop. `scripts/lint/file-reads.ts` finds any other way.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import { errorCode, UserError } from './errors.ts';
import { formatBytes } from './format-bytes.ts';
import { shellQuote } from './shell-quote.ts';

export interface ReadOptions {
  /** 16 MiB if missing. */
  maxBytes?: number;
  signal?: AbortSignal | undefined;
}

const defaultMaxBytes = 16 * 2 ** 20;
const blockBytes = 64 * 1024;
// Without O_NONBLOCK, a named pipe that has replaced the file would block.
const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** A file that must not be read. `cause` is the reason alone. */
export class UnreadableFile extends UserError {
  constructor(path: string, reason: string, remedy: string) {
    super(`cannot read ${path}: ${reason}`, { remedy, cause: new Error(reason) });
  }
}

/** Returns why a file cannot be read, for an error that names the file itself. */
export function readFailure(error: unknown): unknown {
  return error instanceof UnreadableFile ? error.cause : error;
}

/** The content of a regular file. @throws UnreadableFile if it is something else, or too large */
export async function readBytes(
  path: string,
  { maxBytes = defaultMaxBytes, signal }: ReadOptions = {},
): Promise<Buffer> {
  // Checked first, because opening a device can have side effects. A file is read in one call, because every call costs.
  const found = await stat(path);
  requireFile(path, found);
  if (found.size > maxBytes) throw tooLarge(path, maxBytes);
  const content = await readFile(path, { flag: flags, signal });
  // The size says nothing about files of /proc, and about those that grow.
  if (content.length > maxBytes) throw tooLarge(path, maxBytes);
  return content;
}

/** As {@link readBytes}, as UTF-8. */
export async function readText(path: string, options: ReadOptions = {}): Promise<string> {
  return (await readBytes(path, options)).toString('utf8');
}

/** As {@link readText}; undefined if the file does not exist. */
export async function readTextIfExists(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** As {@link readText}, for code that cannot wait. */
export function readTextSync(path: string, { maxBytes = defaultMaxBytes }: Pick<ReadOptions, 'maxBytes'> = {}): string {
  using file = openToReadSync(path);
  const content = Buffer.concat(blocksOf(file.fd, path, maxBytes));
  return content.toString('utf8');
}

function blocksOf(file: number, path: string, maxBytes: number): Buffer[] {
  const blocks: Buffer[] = [];
  for (let total = 0; ; ) {
    const block = Buffer.allocUnsafe(blockBytes);
    const length = readSync(file, block);
    if (length === 0) return blocks;
    total += length;
    if (total > maxBytes) throw tooLarge(path, maxBytes);
    blocks.push(block.subarray(0, length));
  }
}

/**
 * The text of a file that a user names: unlike {@link readText}, also of a pipe, such as `<(command)`, or a terminal. The
 * signal ends the wait for their writer.
 * @throws UnreadableFile if it is something else, too large, or not UTF-8; the signal's reason
 */
export async function readNamedText(
  path: string,
  { maxBytes = defaultMaxBytes, signal }: ReadOptions,
): Promise<string> {
  const found = await stat(path);
  if (!found.isFIFO() && !found.isCharacterDevice()) return textOf(await readBytes(path, { maxBytes, signal }), path);
  const file = openSync(path, flags);
  const opened = fstatSync(file);
  if (opened.isFIFO()) {
    const pipe = new Socket({ fd: file, readable: true, writable: false });
    return await readStream(pipe, path, { maxBytes, signal });
  }
  if (isatty(file)) return await readStream(new ReadStream(file), path, { maxBytes, signal });
  using _ = closing(file);
  if (opened.isFile() || opened.isCharacterDevice()) return textOf(Buffer.concat(blocksOf(file, path, maxBytes)), path);
  throw notAFile(path, opened);
}

/** Other bytes would be replaced, which a user would not notice in a prompt or a secret. */
function textOf(bytes: Buffer, name: string): string {
  if (isUtf8(bytes)) return bytes.toString();
  throw new UnreadableFile(name, 'it is not UTF-8 text', 'Save it as UTF-8.');
}

/** The text of a stream. @throws UnreadableFile if there is too much, or it is not UTF-8; the signal's reason */
export async function readStream(
  stream: Readable,
  name: string,
  { maxBytes = defaultMaxBytes, signal }: ReadOptions,
): Promise<string> {
  const blocks: Buffer[] = [];
  let total = 0;
  // Leaving the loop destroys the stream.
  for await (const chunk of signal === undefined ? stream : addAbortSignal(signal, stream)) {
    const block = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
    total += block.length;
    if (total > maxBytes) throw tooLarge(name, maxBytes);
    blocks.push(block);
  }
  return textOf(Buffer.concat(blocks), name);
}

/** Opens a regular file without waiting. @throws UnreadableFile if it is something else */
export async function openToRead(path: string): Promise<FileHandle> {
  // Checked first, because opening a device can have side effects.
  requireFile(path, await stat(path));
  const file = await open(path, flags);
  try {
    requireFile(path, await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** As {@link openToRead}, for code that cannot wait. */
export function openToReadSync(path: string): Disposable & { readonly fd: number } {
  requireFile(path, statSync(path));
  const file = closing(openSync(path, flags));
  try {
    requireFile(path, fstatSync(file.fd));
    return file;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

function closing(fd: number): Disposable & { readonly fd: number } {
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

function requireFile(path: string, found: Stats): void {
  if (!found.isFile()) throw notAFile(path, found);
}

function notAFile(path: string, found: Stats): UnreadableFile {
  return new UnreadableFile(path, `it is ${kindOf(found)}, not a file`, wayAround(path, found));
}

function tooLarge(path: string, maxBytes: number): UnreadableFile {
  return new UnreadableFile(path, `it is larger than ${formatBytes(maxBytes)}`, 'Choose a smaller file.');
}

/** Returns `a folder`, for something that is no regular file. */
function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}

/** Returns the remedy for a file in the way. A folder or a device may be important elsewhere. */
export function wayAround(path: string, found: Stats): string {
  const isUseless = found.isFile() || found.isSymbolicLink() || found.isFIFO() || found.isSocket();
  return isUseless ? `Remove it. Run: rm ${shellQuote(path)}` : 'Choose another file.';
}
