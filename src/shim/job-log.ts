/**
 * The log of a job as one, whatever segments it is in: the newest has the name of the log, `<log>.older/` has the others, each
 * named after the number of bytes of the output that come before it. The oldest ones are removed as the log grows.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { move } from '../lib/files.ts';
import { findLastLines } from '../lib/last-lines.ts';
import { openToRead } from '../lib/read-file.ts';
import { watchUntil } from '../lib/watch-folder.ts';

export interface ReadJobLogOptions {
  logFile: string;
  /** How many of the last lines come first; infinity for all. */
  lines: number;
  /** If given, follows the log until this resolves with true: nothing writes to it any more. */
  isFinished?: () => Promise<boolean>;
  signal: AbortSignal;
}

const blockBytes = 256 * 1024;
// If the oldest segment begins within a line, its rest is skipped, unless the line is longer than this.
const maxPartialLineBytes = 64 * 1024;

/** The content of the log in blocks, from the oldest line that was asked for. A line says how many bytes were dropped before it. */
export async function* readJobLog({ logFile, lines, isFinished, signal }: ReadJobLogOptions): AsyncGenerator<Buffer> {
  await using stack = new AsyncDisposableStack();
  let log = stack.use(await OpenLog.open(logFile));
  const { offset } = await findLastLines(log, log.end - log.start, lines);
  log.position += offset;
  if (offset === 0 && log.start > 0 && lines > 0) {
    await log.skipPartialLine();
    yield dropped(`the first ${log.position} bytes of this log were dropped`);
  }
  yield* log.blocks(log.end, signal);
  if (isFinished === undefined) return;
  for (;;) {
    signal.throwIfAborted();
    // Asked before the last look, so that nothing is missed.
    const isLast = await isFinished();
    yield* log.blocks(Number.POSITIVE_INFINITY, signal);
    while (await log.isReplaced()) {
      // The writer may have written to the segment until it began another.
      yield* log.blocks(Number.POSITIVE_INFINITY, signal);
      const { position } = log;
      await log[Symbol.asyncDispose]();
      log = stack.use(await OpenLog.open(logFile));
      if (position < log.start) yield dropped(`${log.start - position} bytes of this log were dropped here`);
      if (position > log.start && position <= log.end) log.position = position;
      yield* log.blocks(Number.POSITIVE_INFINITY, signal);
    }
    if (isLast) return;
    const hasNews = async () => (await log.hasNews()) || (await isFinished()) || undefined;
    await watchUntil(dirname(logFile), hasNews, signal);
  }
}

function dropped(what: string): Buffer {
  return Buffer.from(`[plan42: ${what}]\n`);
}

/** The last `maxBytes` of a log; empty if there is none, or it cannot be read. */
export async function readLogEnd(logFile: string, maxBytes: number): Promise<Buffer> {
  try {
    await using log = await OpenLog.open(logFile);
    const length = Math.min(log.end - log.start, maxBytes);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await log.read(buffer, 0, length, log.end - log.start - length);
    return buffer.subarray(0, bytesRead);
  } catch {
    return Buffer.alloc(0);
  }
}

/** The last `maxBytes` of a log as one line of text; empty if there is none. */
export async function readLogTail(logFile: string, maxBytes: number): Promise<string> {
  return (await readLogEnd(logFile, maxBytes)).toString('utf8').trim().replaceAll(/\s+/g, ' ');
}

/** The size of a log and when it was last written to; undefined if there is none. */
export async function statLog(logFile: string): Promise<{ bytes: number; modifiedAtMs: number } | undefined> {
  for (;;) {
    const before = await listSegments(logFile);
    const stats = await Promise.all(before.map((path) => stat(path).catch(ifMissing)));
    if (!isSame(before, await listSegments(logFile))) continue;
    const found = stats.filter((entry) => entry !== undefined);
    if (found.length === 0) return undefined;
    const bytes = found.reduce((sum, { size }) => sum + size, 0);
    return { bytes, modifiedAtMs: Math.max(...found.map(({ mtimeMs }) => mtimeMs)) };
  }
}

/** How many bytes the job has written so far, dropped ones included. A writer that is about to begin a segment can hide a few. */
export async function countOutput(logFile: string): Promise<number> {
  const last = (await listOlder(logFile)).at(-1);
  const sizeOf = async (path: string) => (await stat(path).catch(ifMissing))?.size ?? 0;
  const older = last === undefined ? 0 : Number(last) + (await sizeOf(join(olderFolder(logFile), last)));
  return older + (await sizeOf(logFile));
}

/**
 * Removes a log unless `isNeeded` resolves with true; resolves with whether it is gone. The newest segment is renamed before
 * that look, so that the log of a job that is accepted at this moment is never lost: either the look finds the job, and the
 * segment gets its name back, or the job opens a new file.
 */
export async function removeLog(logFile: string, isNeeded: () => Promise<boolean>): Promise<boolean> {
  const older = await listOlder(logFile);
  const aside = `${logFile}.${randomUUID()}.removed`;
  const isThere = await move(logFile, aside).then(() => true, ifMissing);
  if (await isNeeded()) {
    if (isThere) await putBack(aside, logFile);
    return false;
  }
  await rm(aside, { force: true });
  for (const name of older) await rm(join(olderFolder(logFile), name), { force: true });
  await rmdir(olderFolder(logFile)).catch(() => {});
  return true;
}

async function putBack(aside: string, logFile: string): Promise<void> {
  await link(aside, logFile).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  await rm(aside, { force: true });
}

/** The log that a file or folder in the folder of logs belongs to. */
export function logFileOf(path: string): string {
  return path.replace(/\.older$/, '');
}

const olderFolder = (logFile: string) => `${logFile}.older`;

async function listOlder(logFile: string): Promise<string[]> {
  const names = (await readdir(olderFolder(logFile)).catch(ifMissing)) ?? [];
  return names.filter((name) => /^\d{15}$/.test(name)).toSorted();
}

/** The paths of all segments, the oldest first. */
async function listSegments(logFile: string): Promise<string[]> {
  const older = await listOlder(logFile);
  return [...older.map((name) => join(olderFolder(logFile), name)), logFile];
}

interface Segment {
  file: FileHandle;
  /** How many bytes of the output come before it. */
  start: number;
  size: number;
}

/** All segments of a log, opened at one moment, so that none is lost to the writer while they are read. */
class OpenLog implements AsyncDisposable {
  readonly #path: string;
  readonly #segments: Segment[];
  readonly start: number;
  /** Where the log ended when it was opened. */
  readonly end: number;
  /** Position of the reader, counted from the start of the output. */
  position: number;

  private constructor(path: string, segments: Segment[]) {
    this.#path = path;
    this.#segments = segments;
    const [first, last] = [segments[0], segments.at(-1)];
    this.start = first?.start ?? 0;
    this.end = last ? last.start + last.size : 0;
    this.position = this.start;
  }

  static async open(path: string): Promise<OpenLog> {
    for (;;) {
      const paths = await listSegments(path);
      const files = await Promise.all(paths.map((segment) => openToRead(segment).catch(ifMissing)));
      // Each new segment changes the list: with the same list after opening, all files belong to one moment.
      if (isSame(paths, await listSegments(path))) return new OpenLog(path, await toSegments(paths, files));
      await Promise.all(files.map(async (file) => file?.close()));
    }
  }

  /** Fills the buffer from a position counted from the start of the log, across segments. */
  async read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    let bytesRead = 0;
    while (bytesRead < length) {
      const at = this.start + position + bytesRead;
      const segment = this.#segments.findLast(({ start }) => start <= at);
      const result = await segment?.file.read(buffer, offset + bytesRead, length - bytesRead, at - segment.start);
      if (!result?.bytesRead) break;
      bytesRead += result.bytesRead;
    }
    return { bytesRead };
  }

  /** Yields the log up to `end`, or to the end of the newest segment. Closes segments that were read to their end. */
  async *blocks(end: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    for (;;) {
      const [segment, next] = this.#segments;
      if (segment === undefined || this.position >= end) return;
      if (next && this.position >= next.start) {
        this.#segments.shift();
        await segment.file.close();
        continue;
      }
      const length = Math.min(blockBytes, end - this.position);
      const { buffer, bytesRead } = await segment.file.read(
        Buffer.alloc(length),
        0,
        length,
        this.position - segment.start,
      );
      if (bytesRead === 0) return;
      this.position += bytesRead;
      yield buffer.subarray(0, bytesRead);
      signal.throwIfAborted();
    }
  }

  async skipPartialLine(): Promise<void> {
    const buffer = Buffer.alloc(maxPartialLineBytes);
    const { bytesRead } = await this.read(buffer, 0, buffer.length, this.position - this.start);
    this.position += buffer.subarray(0, bytesRead).indexOf('\n') + 1;
  }

  /** Whether another file has the name of the log now. */
  async isReplaced(): Promise<boolean> {
    const found = await stat(this.#path).catch(ifMissing);
    return found !== undefined && found.ino !== (await this.#segments.at(-1)?.file.stat())?.ino;
  }

  /** Whether there is something to read. Something is missing if the log became shorter: then it is read from its start. */
  async hasNews(): Promise<boolean> {
    const last = this.#segments.at(-1);
    const { size = 0 } = (await last?.file.stat()) ?? {};
    if (last && this.position > last.start + size) this.position = last.start;
    return (last !== undefined && this.position < last.start + size) || this.isReplaced();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#segments.splice(0).map(({ file }) => file.close()));
  }
}

async function toSegments(paths: readonly string[], files: readonly (FileHandle | undefined)[]): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const [index, file] of files.entries()) {
    if (file === undefined) continue;
    const { size } = await file.stat();
    const isNewest = index === files.length - 1;
    const before = segments.at(-1);
    const start = isNewest ? (before ? before.start + before.size : 0) : Number(basename(paths[index] ?? ''));
    segments.push({ file, start, size });
  }
  return segments;
}

function isSame(before: readonly string[], after: readonly string[]): boolean {
  return before.length === after.length && before.every((path, index) => path === after[index]);
}

function ifMissing(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}
