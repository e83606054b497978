import { systemClock } from '../lib/clock.ts';
import { TimeoutError, withDeadline } from '../lib/deadline.ts';
import { GithubError } from './errors.ts';

/** The caller of a GitHub request and the time that it waits. */
export interface Caller {
  /** Aborted at the deadline at the latest. */
  signal: AbortSignal;
  /** Time of `systemClock.now()`. */
  deadline: number;
  /** Shared by all requests of this caller. */
  progress: Progress;
}

/** Numbers of requests by stage, frozen when the caller's time is up. */
interface Progress {
  queued: number;
  sent: number;
}

/**
 * Runs `work` for a caller that waits `timeoutMs`.
 * @throws GithubError if the time is up; the reason of `signal` if it is aborted
 */
export async function withCaller<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (caller: Caller) => Promise<T>,
): Promise<T> {
  const deadline = systemClock.now() + timeoutMs;
  const progress: Progress = { queued: 0, sent: 0 };
  try {
    return await withDeadline(timeoutMs, signal, (bounded) => work({ signal: bounded, deadline, progress }));
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    throw new GithubError(describeTimeout(timeoutMs / 1000, progress), { origin: error });
  }
}

function describeTimeout(seconds: number, { queued, sent }: Progress): string {
  if (sent > 0 || queued === 0) return `GitHub did not respond within ${seconds} s`;
  return `the request was not sent to GitHub within ${seconds} s: too many requests are in progress. Try again later`;
}

/** Counts a request in a stage while `work` runs. The count is frozen when the caller's time is up. */
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
