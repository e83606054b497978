/** Writes what was read of a log, with what else belongs into it. */
import { systemClock } from '../../../lib/clock.ts';
import type { Follower } from './follower.ts';
import type { Batch } from './resume.ts';

const newline = 0x0a;

export const rotated = (when: string) =>
  `[plan42: output may be missing here: the node rotated its log ${when}; how much is unknown]`;

export async function writeBatch(follower: Follower, { lost, firstTime, last, bytes }: Batch): Promise<void> {
  const { log, checkpoint, ownLines } = follower;
  if (lost !== undefined) {
    const from = follower.lastTime > lost.from ? follower.lastTime : lost.from;
    const when =
      from === '' ? `before ${lost.to}, before it was read` : `between ${from} and ${lost.to}, while it was not read`;
    await checkpoint.writeNote(rotated(when), { time: lost.to });
  } else if (firstTime !== undefined && checkpoint.current.time === '') await checkpoint.begin(firstTime);
  if (last !== undefined) {
    follower.lastTime = last.time;
    await checkpoint.prepare({ time: last.time, offset: log.offset + last.before });
  }
  if (await areLinesDue(follower)) {
    const cut = bytes.lastIndexOf(newline) + 1;
    await log.write(bytes.subarray(0, cut));
    await checkpoint.commit();
    if (log.isAtLineStart) await ownLines.copy();
    await log.write(bytes.subarray(cut));
    return;
  }
  await log.write(bytes);
  await checkpoint.commit();
}

async function areLinesDue(follower: Follower): Promise<boolean> {
  const now = systemClock.now();
  if (now - follower.linesAt < follower.timing.tickMs) return false;
  follower.linesAt = now;
  return follower.ownLines.hasNew();
}
