import { TimeoutError, withDeadline } from '../lib/deadline.ts';
import { GithubError } from './errors.ts';

/** For whom GitHub is asked, and how long that one waits. */
export interface Caller {
  /** Aborted at the deadline at the latest. */
  signal: AbortSignal;
  /** Of `performance.now()`. */
  deadline: number;
  /** Shared by all calls that are made for this caller. */
  progress: Progress;
}

/** How many calls are how far; as it was when the caller's time was over. */
interface Progress {
  queued: number;
  asked: number;
}

/**
 * Does `work` for a caller who waits `timeoutMs`.
 * @throws GithubError when the time is over; the reason of `signal` when that is aborted
 */
export async function withCaller<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (caller: Caller) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  const progress: Progress = { queued: 0, asked: 0 };
  try {
    return await withDeadline(timeoutMs, signal, (bounded) => work({ signal: bounded, deadline, progress }));
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    throw new GithubError(describeTimeout(timeoutMs / 1000, progress), { origin: error });
  }
}

function describeTimeout(seconds: number, { queued, asked }: Progress): string {
  if (asked > 0 || queued === 0) return `GitHub did not answer within ${seconds} s`;
  return `GitHub was not asked within ${seconds} s: too many other calls are under way. Try again later`;
}

/** Counts a stage of a call, until it is over; the end of the caller's time leaves the count as it is. */
export async function during<T>(
  stage: keyof Progress,
  { signal, progress }: Caller,
  work: () => Promise<T>,
): Promise<T> {
  progress[stage] += 1;
  try {
    return await work();
  } finally {
    if (!signal.aborted) progress[stage] -= 1;
  }
}
