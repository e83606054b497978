/**
 * Decides whether something may be deleted because of its age. Ages of what outlives the process can only be measured by
 * the date, and after a jump of two years everything is old. So after a jump that no passing time explains, nothing is
 * deleted for its age until as much time has passed as the date jumped, or a day: long enough for a user to correct it.
 */
import * as v from 'valibot';
import type { Clock } from './clock.ts';
import { measureElapsed, type StandstillClock } from './standstill.ts';

/** Must outlive the process. */
export const DateMemory = v.object({
  /** The date at the last look. */
  dateMs: v.number(),
  /** How much longer ages are not to be trusted. */
  waitMs: v.pipe(v.number(), v.minValue(0)),
});
export type DateMemory = v.InferOutput<typeof DateMemory>;

const maxWaitMs = 86_400_000;
// A user or a time server corrects a clock by less, and the clocks do not advance at exactly the same rate.
const toleranceMs = 5 * 60_000;
// While the process did not run, for a weekend for instance, the date is all there is.
const maxDowntimeMs = 3 * 86_400_000;

/** Looks at the date. Call it regularly, and keep what it returns for the next call, also across restarts. */
export type DateWatch = (memory: DateMemory | undefined) => DateMemory;

export function createDateWatch(clock: Pick<Clock, 'date'> & StandstillClock): DateWatch {
  const elapsed = measureElapsed(clock);
  let isFirst = true;
  return (memory) => {
    const elapsedMs = elapsed();
    const longestMs = isFirst ? maxDowntimeMs : elapsedMs + toleranceMs;
    const shortestMs = (isFirst ? 0 : elapsedMs) - toleranceMs;
    isFirst = false;
    const dateMs = clock.date().getTime();
    if (memory === undefined) return { dateMs, waitMs: 0 };
    const passedMs = dateMs - memory.dateMs;
    const jumpMs = passedMs > longestMs || passedMs < shortestMs ? Math.abs(passedMs - elapsedMs) : 0;
    return { dateMs, waitMs: Math.min(maxWaitMs, Math.max(0, memory.waitMs - elapsedMs) + jumpMs) };
  };
}
