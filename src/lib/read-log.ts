import { dirname } from 'node:path';
import { errorCode } from './errors.ts';
import { FollowedFile } from './followed-file.ts';
import { findLastLines } from './last-lines.ts';
import { openToRead } from './read-file.ts';
import { watchUntil } from './watch-folder.ts';

export interface ReadLogOptions {
  /** The log, followed by its rotated files, newest first. */
  files: readonly [string, ...string[]];
  /** Number of last lines to start with; infinity for all. */
  lines: number;
  /** If given, follows the log until this resolves with true: nothing writes to it any more. */
  isFinished?: () => Promise<boolean>;
  signal: AbortSignal;
}

/** The content of a log in chunks, from the oldest requested line. A missing file counts as empty. */
export async function* readLog({ files, lines, isFinished, signal }: ReadLogOptions): AsyncGenerator<Buffer> {
  if (isFinished === undefined) {
    yield* readEnds(files, lines, signal);
    return;
  }
  const [path, ...rotated] = files;
  let missing = lines;
  await using log = await FollowedFile.open(path, async (file) => {
    const { offset, count } = await findLastLines(file, (await file.stat()).size, lines);
    missing -= count;
    return offset;
  });
  yield* readEnds(rotated, missing, signal);
  for (;;) {
    signal.throwIfAborted();
    // Checked before the last read, so that nothing is missed.
    const isLast = await isFinished();
    for await (const piece of log.read()) {
      yield piece;
      signal.throwIfAborted();
    }
    if (isLast) return;
    await watchUntil(
      dirname(path),
      async () => (await log.hasNewContent()) || (await isFinished()) || undefined,
      signal,
    );
  }
}

/** The last `lines` lines of all files together, oldest first. */
async function* readEnds(files: readonly string[], lines: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  const [path, ...older] = files;
  if (path === undefined || lines <= 0) return;
  try {
    await using file = await openToRead(path);
    const { size } = await file.stat();
    const { offset, count } = await findLastLines(file, size, lines);
    yield* readEnds(older, lines - count, signal);
    if (offset === size) return;
    for await (const piece of file.createReadStream({ start: offset, end: size - 1, autoClose: false })) {
      signal.throwIfAborted();
      yield piece as Buffer;
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
