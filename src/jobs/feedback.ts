import type { GithubConnections } from '../github/connections.ts';
import { fetchTaskFeedback, type PullRequestId } from '../github/feedback/task-feedback.ts';
import type { Logger } from '../lib/logger.ts';
import type { FeedBack, InvokeAgentRequest } from '../plan42/messages.ts';
import { reportStatus } from './progress.ts';
import type { TurnUpdates } from './turn-updates.ts';

export interface FeedbackDeps {
  turn: TurnUpdates;
  github: GithubConnections;
  invocation: InvokeAgentRequest | undefined;
  logger: Logger;
  noteWaiting: () => Disposable;
}

/** Fetches the feedback on the task's pull requests; undefined, without a promise, if there is none to fetch. */
export function fetchFeedback(deps: FeedbackDeps, stop: AbortSignal): Promise<FeedBack> | undefined {
  const pullRequests = pullRequestsToCheck(deps.invocation);
  return pullRequests.length === 0 ? undefined : fetchAll(pullRequests, deps, stop);
}

/** After a restart of the runner, this begins again. */
async function fetchAll(
  pullRequests: readonly PullRequestId[],
  deps: FeedbackDeps,
  stop: AbortSignal,
): Promise<FeedBack> {
  const { github, invocation, logger } = deps;
  using _waiting = deps.noteWaiting();
  const status = reportStatus(deps, 'Checking for PR Feedback', stop);
  const id = invocation?.PrivateGithubConnectionID;
  // Each call uses the connection's current client, because its token can be replaced meanwhile.
  const feedback = await fetchTaskFeedback((call) => github.withClient(id, call), pullRequests, stop);
  logger.info('pull request feedback fetched', { pull_requests: pullRequests.length });
  await status;
  return feedback;
}

/**
 * The pull requests whose feedback the runner has to fetch: those of a private connection, from the second turn on, unless the
 * request contains the feedback.
 */
function pullRequestsToCheck(invocation: InvokeAgentRequest | undefined): PullRequestId[] {
  const { PrivateGithubConnectionID: connectionId, FeedBack: feedback, Turn: turn, Task: task } = invocation ?? {};
  const isLaterTurn = typeof turn?.TurnIndex === 'number' && turn.TurnIndex > 1;
  if (!connectionId || !isLaterTurn || (feedback !== undefined && feedback !== null)) return [];
  return Object.entries(task?.RepoInfo ?? {}).flatMap(([repo, { PRNumber: number }]) =>
    number ? [{ repo, number }] : [],
  );
}
