import { mapConcurrently } from '../../lib/map-concurrently.ts';
import type { FeedBack } from '../../plan42/messages.ts';
import { type Caller, withCaller } from '../caller.ts';
import { about } from '../errors.ts';
import { fetchFeedback, type WithClient } from './fetch-feedback.ts';

export interface PullRequestId {
  /** `org/repo` */
  repo: string;
  number: number;
}

const maxConcurrentRepos = 5;
const maxTimeMs = 10 * 60_000;

/**
 * Fetches the feedback on all pull requests of a task. Each may take `timeoutMs`, including short rate limits.
 * @throws GithubError that names the pull request; the signal's reason
 */
export async function fetchTaskFeedback(
  withClient: WithClient,
  pullRequests: readonly PullRequestId[],
  signal: AbortSignal,
  timeoutMs = maxTimeMs,
): Promise<FeedBack> {
  const entries = await mapConcurrently(pullRequests, maxConcurrentRepos, signal, async ({ repo, number }, signal) => {
    try {
      const read = (caller: Caller) => fetchFeedback(withClient, repo, number, caller);
      return [repo, await withCaller(timeoutMs, signal, read)] as const;
    } catch (error) {
      throw about(`cannot get the feedback on ${repo}#${number}`, error);
    }
  });
  return Object.fromEntries(entries);
}
