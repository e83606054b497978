import type { PullRequestId } from '../github/feedback/task-feedback.ts';
import type { InvokeAgentRequest } from '../plan42/messages.ts';

/**
 * The pull requests whose feedback the runner has to fetch: those of a private connection, from the second turn on,
 * unless the server sent the feedback along.
 */
export function pullRequestsToCheck(invocation: InvokeAgentRequest | undefined): PullRequestId[] {
  const { PrivateGithubConnectionID: connectionId, FeedBack: feedback, Turn: turn, Task: task } = invocation ?? {};
  const isLaterTurn = typeof turn?.TurnIndex === 'number' && turn.TurnIndex > 1;
  if (!connectionId || !isLaterTurn || (feedback !== undefined && feedback !== null)) return [];
  return Object.entries(task?.RepoInfo ?? {}).flatMap(([repo, { PRNumber: number }]) =>
    number ? [{ repo, number }] : [],
  );
}
