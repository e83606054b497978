/** Decides whether a comment leads to a turn. */
import type { EventTask } from '../../plan42/event-calls.ts';
import type { PartialTurn } from '../../plan42/runner-objects.ts';
import { whyNoTask } from './choose-task.ts';
import type { WantedEvent } from './feed-event.ts';
import type { PullRequest } from './pull-request.ts';

export const turnPrompt = 'User requested changes via Github comments.';

/** Why nothing is done. */
export interface Ignored {
  reason: string;
  level: 'info' | 'warn' | 'error';
}

const ignored = (reason: string, level: Ignored['level'] = 'info'): Ignored => ({ reason, level });

/** Returns why a comment on this pull request leads to nothing; undefined if it may lead to a turn. */
export function whyNotOnPullRequest({ author }: WantedEvent, { state, user }: PullRequest): Ignored | undefined {
  if (state && state !== 'open') return ignored(`pull request is ${state}`);
  // Only the author's wishes are carried out, because they cost money and change the author's branch.
  if (!author || author.toLowerCase() !== user?.login.toLowerCase())
    return ignored('not the author of the pull request');
  return undefined;
}

/**
 * Returns the task to continue, or why there is none.
 * @param found all tasks with the ID of the pull request, on any GitHub
 */
export function taskToContinue(
  tasks: readonly EventTask[],
  found: readonly EventTask[],
): { task: EventTask } | { stop: Ignored } {
  const [task, ...others] = tasks.filter(({ Deleted }) => Deleted !== true);
  if (task === undefined) return { stop: ignored(tasks.length > 0 ? 'task is deleted' : whyNoTask(found)) };
  if (others.length > 0) return { stop: ignored('several tasks of the pull request', 'error') };
  return { task };
}

/**
 * Returns the index of the turn to create, or why there is none.
 * @param serverAheadMs - How far the clock of the server is ahead of GitHub's: turns have the time of the one, and comments that
 *   of the other.
 */
export function nextTurn(
  event: WantedEvent,
  last: PartialTurn | undefined,
  serverAheadMs: number,
): { turnIndex: number } | { stop: Ignored } {
  if (last?.TurnIndex === undefined || last.TurnIndex === null)
    return { stop: ignored('task has no turn yet', 'warn') };
  const { turn } = event;
  if (turn !== undefined) {
    if (last.TurnIndex >= turn.turnIndex) return { stop: ignored('turn has been created') };
    return { turnIndex: turn.turnIndex };
  }
  // Another machine of this runner reads the same feed.
  const isLater = Date.parse(last.CreatedAt ?? '') - serverAheadMs >= Date.parse(event.at);
  if (last.Prompt === turnPrompt && isLater) return { stop: ignored('the last turn was created after the comment') };
  return { turnIndex: last.TurnIndex + 1 };
}
