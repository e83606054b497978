/**
 * Writes a job's log from this process, for jobs whose output comes over a network: in the same segments, with the same names
 * and limits, as `log-writer.sh`, which explains them. Unlike that script it does not discard output that a full disk does not
 * take, because its source can be read again.
 */
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { makeFolder, move, freeSpace as readFreeSpace } from '../lib/files.ts';
import { appendToOwnFile } from '../lib/private-folder.ts';
import { readLogEnd } from './job-log.ts';

const minSegmentBytes = 2 ** 20;
const noteBytes = 256;
const newline = 0x0a;

export interface SegmentWriter extends AsyncDisposable {
  /** How many bytes the log has had so far, including those that were dropped. */
  readonly offset: number;
  /** Whether the next byte begins a line. */
  readonly isAtLineStart: boolean;
  /**
   * Appends. On a full disk, removes the oldest segments first.
   * @throws an error of the file system; `offset` says how much of the bytes was written
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Appends a last line even if the disk is full: then it replaces the end of what was written. */
  writeLastLine(line: string): Promise<void>;
  /** Waits until what was written survives a power failure. */
  sync(): Promise<void>;
}

export interface SegmentWriterOptions {
  /** Replaces the file system of the log, for tests. */
  freeSpace?: typeof readFreeSpace;
}

/**
 * Continues the log of an earlier run. Nothing else may write to it.
 * @param limit of all segments together, in bytes
 */
export async function openSegmentWriter(
  logFile: string,
  limit: number,
  { freeSpace = readFreeSpace }: SegmentWriterOptions = {},
): Promise<SegmentWriter> {
  const older = `${logFile}.older`;
  const maxSegment = Math.floor(limit / 16);
  const minSegment = Math.min(minSegmentBytes, maxSegment);
  const names = (await readdir(older).catch(() => [])).filter((name) => /^\d{15}$/.test(name)).toSorted();
  const last = names.at(-1);
  /** How many bytes come before the newest segment, and before the oldest one. */
  let start = last === undefined ? 0 : Number(last) + (await stat(join(older, last))).size;
  let first = names.length === 0 ? start : Number(names[0]);
  let file: FileHandle = await openSegment();
  let { size } = await file.stat();
  let lastByte = size + start === 0 ? newline : (await readLogEnd(logFile, 1))[0];
  let segment = chooseSize();
  /** Half of the space that the disk is known to have: it is asked again when that may be used up. */
  let room = 0;

  function openSegment(): Promise<FileHandle> {
    return open(logFile, appendToOwnFile, 0o600);
  }

  // An eighth of the log so far, so that dropping the oldest segment keeps nearly all of it on a full disk too.
  function chooseSize(): number {
    return Math.max(minSegment, Math.min(maxSegment, Math.floor((start - first) / 8)));
  }

  const nameOf = (offset: number) => String(offset).padStart(15, '0');

  async function createEmpty(name: string): Promise<void> {
    await (await open(join(older, name), appendToOwnFile, 0o600)).close();
  }

  async function dropOldest(): Promise<boolean> {
    const [oldest] = names;
    if (oldest === undefined) return false;
    if (names.length === 1) {
      const empty = nameOf(start);
      if (oldest === empty) return false;
      // First, so that readers always find one. A disk without a free inode has one afterwards.
      const isCreated = await createEmpty(empty).then(
        () => true,
        () => false,
      );
      await rm(join(older, oldest), { force: true });
      if (!isCreated) await createEmpty(empty);
      names.push(empty);
    } else await rm(join(older, oldest), { force: true });
    names.shift();
    first = Number(names[0]);
    return true;
  }

  async function rotate(): Promise<void> {
    const name = nameOf(start);
    await makeFolder(older).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
    // It replaces the empty file that stands for dropped segments.
    await move(logFile, join(older, name));
    if (names.at(-1) !== name) names.push(name);
    const next = await openOrPutBack(name);
    await file.close();
    file = next;
    start += size;
    size = 0;
    segment = chooseSize();
    await makeRoomInLimit();
    await makeRoomOnDisk();
  }

  async function openOrPutBack(name: string): Promise<FileHandle> {
    for (;;) {
      try {
        return await openSegment();
      } catch (error) {
        if (names.length > 1 && (await dropOldest())) continue;
        await move(join(older, name), logFile);
        names.pop();
        if (start > 0) {
          await createEmpty(name);
          names.push(name);
        }
        throw error;
      }
    }
  }

  async function makeRoomInLimit(): Promise<void> {
    while (start - first + segment > limit - noteBytes && (await dropOldest()));
  }

  async function makeRoomOnDisk(): Promise<void> {
    room -= segment;
    if (room >= segment) return;
    for (;;) {
      const free = await freeSpace(dirname(logFile)).catch(() => Number.POSITIVE_INFINITY);
      room = free / 2;
      if (free >= segment + 65_536 || !(await dropOldest())) return;
    }
  }

  async function append(bytes: Uint8Array): Promise<number> {
    for (;;) {
      try {
        const { bytesWritten } = await file.write(bytes);
        return bytesWritten;
      } catch (error) {
        // Only on a full disk do older segments make room.
        const isFull = ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '');
        if (!isFull || !(await dropOldest())) throw error;
      }
    }
  }

  async function write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      if (size >= segment) await rotate();
      else await makeRoomInLimit();
      const written = await append(rest.subarray(0, segment - size));
      size += written;
      lastByte = rest[written - 1] ?? lastByte;
      rest = rest.subarray(written);
    }
  }

  async function overwriteEnd(text: string): Promise<void> {
    const bytes = Buffer.from(`\n${text}`).subarray(-size);
    // A file that is opened for appending only ever appends.
    await using end = await open(logFile, 'r+');
    await end.write(bytes, 0, bytes.length, size - bytes.length);
  }

  return {
    get offset() {
      return start + size;
    },
    get isAtLineStart() {
      return lastByte === newline;
    },
    write,
    async writeLastLine(line) {
      const text = `${lastByte === newline ? '' : '\n'}${line}\n`;
      await write(Buffer.from(text)).catch(() => overwriteEnd(`${line}\n`));
    },
    sync: () => file.datasync(),
    [Symbol.asyncDispose]: () => file.close(),
  };
}
