/**
 * Writes a job's log from this process, in the same segments as `log-writer.sh`: for jobs whose output comes over a network. Other
 * than that script, it waits for a disk that is full, because its source keeps the output.
 */
import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { move } from '../lib/files.ts';
import { appendToOwnFile } from '../lib/private-folder.ts';

const minSegmentBytes = 2 ** 20;
const nameLength = 15;

export interface SegmentWriter extends AsyncDisposable {
  /** How many bytes the log has had so far, with those that were dropped. */
  readonly offset: number;
  write(bytes: Uint8Array): Promise<void>;
}

/** Continues the log of an earlier run. Nothing else may write to it. @param limit of all segments together, in bytes */
export async function openSegmentWriter(logFile: string, limit: number): Promise<SegmentWriter> {
  const older = `${logFile}.older`;
  const maxSegment = Math.floor(limit / 16);
  const minSegment = Math.min(minSegmentBytes, maxSegment);
  const names = (await readdir(older).catch(() => [])).filter((name) => /^\d{15}$/.test(name)).toSorted();
  const last = names.at(-1);
  let first = Number(names[0] ?? 0);
  let start = last === undefined ? 0 : Number(last) + (await stat(join(older, last))).size;
  let file: FileHandle = await open(logFile, appendToOwnFile, 0o600);
  let { size } = await file.stat();

  // An eighth of the log so far, so that dropping the oldest segment keeps nearly all of it.
  const segmentBytes = () => Math.max(minSegment, Math.min(maxSegment, Math.floor((start - first) / 8)));

  async function rotate(): Promise<void> {
    const name = String(start).padStart(nameLength, '0');
    await mkdir(older, { recursive: true, mode: 0o700 });
    await move(logFile, join(older, name));
    names.push(name);
    await file.close();
    file = await open(logFile, appendToOwnFile, 0o600);
    start += size;
    size = 0;
    while (start - first + segmentBytes() > limit) await dropOldest();
  }

  async function dropOldest(): Promise<void> {
    const oldest = names.shift();
    if (oldest === undefined) return;
    if (names.length === 0) {
      // Its name says how much comes before the log. First, so that readers always find one.
      const name = String(start).padStart(nameLength, '0');
      await (await open(join(older, name), 'a', 0o600)).close();
      names.push(name);
    }
    await rm(join(older, oldest), { force: true });
    first = Number(names[0]);
  }

  return {
    get offset() {
      return start + size;
    },
    async write(bytes) {
      let rest = bytes;
      while (rest.length > 0) {
        if (size >= segmentBytes()) await rotate();
        const { bytesWritten } = await file.write(rest, 0, Math.min(rest.length, segmentBytes() - size));
        size += bytesWritten;
        rest = rest.subarray(bytesWritten);
      }
    },
    [Symbol.asyncDispose]: async () => file.close(),
  };
}
