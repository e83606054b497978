/** Where the newest lines of a job's log begin: a file that is written before each batch, and survives a kill of the runner. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

export interface LinePlace {
  time: string;
  /** Counted from the start of the job's log. */
  offset: number;
}

export interface LinePlaces extends AsyncDisposable {
  /** As the last run left them, the newest first. */
  readonly found: readonly LinePlace[];
  write(next: LinePlace, current: LinePlace): Promise<void>;
}

const fileName = 'kubernetes-log.lines';
/** Always the same length, within one page, so that a kill leaves the old text or the new one. */
const length = 128;
const pattern = /^(\S+) (\d+) (\S+) (\d+) *\n$/;

export async function openLinePlaces(folder: string): Promise<LinePlaces> {
  const file = await open(join(folder, fileName), constants.O_RDWR | constants.O_CREAT, 0o600);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
  const [, newestTime, newest, earlierTime, earlier] = pattern.exec(buffer.toString('latin1', 0, bytesRead)) ?? [];
  const found =
    newestTime === undefined || earlierTime === undefined
      ? []
      : [
          { time: newestTime, offset: Number(newest) },
          { time: earlierTime, offset: Number(earlier) },
        ];
  return {
    found,
    async write(next, current) {
      const text = `${next.time} ${next.offset} ${current.time} ${current.offset}`;
      await file.write(Buffer.from(`${text.padEnd(length - 1)}\n`, 'latin1'), 0, length, 0);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
