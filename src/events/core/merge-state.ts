/** Merges the state of a pull request into a task. */
import type { EventTask } from '../../plan42/event-calls.ts';
import { findRepo } from './choose-task.ts';
import type { Ignored } from './comment.ts';
import { type PullRequest, statusOf } from './pull-request.ts';

export type TaskChanges = Pick<EventTask, 'RepoInfo' | 'State'>;

const stop = (reason: string, level: Ignored['level'] = 'info') => ({ stop: { reason, level } });

/**
 * Returns the update of a task, or why there is none.
 * @param eventAt the time of the event, for a pull request without one
 */
export function mergeState(
  task: EventTask,
  repo: string,
  pullRequest: PullRequest,
  eventAt: string,
): { changes: TaskChanges } | { stop: Ignored } {
  const found = findRepo(task, repo);
  if (found === undefined) return stop('task has no such repository', 'warn');
  const [name, known] = found;
  const PRID = String(pullRequest.id);
  if (known.PRID && known.PRID !== PRID) return stop('task has another pull request');
  const at = pullRequest.updated_at || eventAt;
  const [time, knownTime] = [Date.parse(at), Date.parse(known.PRStatusUpdatedAt ?? '')];
  if (knownTime > time) return stop('task has a newer state');
  const status = statusOf(pullRequest);
  const next = {
    ...known,
    PRID,
    PRStatus: status === 'unknown' && known.PRStatus ? known.PRStatus : status,
    ...(!Number.isNaN(time) && knownTime !== time && { PRStatusUpdatedAt: at }),
    ...(pullRequest.number > 0 && { PRNumber: pullRequest.number }),
    ...(pullRequest.html_url && { PRLink: pullRequest.html_url }),
  };
  const names = ['PRStatus', 'PRStatusUpdatedAt', 'PRID', 'PRNumber', 'PRLink'] as const;
  if (names.every((field) => next[field] === known[field])) return stop('task has this state');
  const RepoInfo = { ...task.RepoInfo, [name]: next };
  const State = stateOf(task, Object.values(RepoInfo));
  return { changes: { RepoInfo, ...(State !== undefined && State !== task.State && { State }) } };
}

const reviewed = 'Awaiting Code Review';

/** The state of a task in a workstream follows its pull requests. Other tasks keep theirs; so it is undefined. */
function stateOf(
  { WorkstreamId, State }: EventTask,
  repos: readonly { PRID?: unknown; PRStatus?: string | null | undefined }[],
): string | undefined {
  if (!WorkstreamId) return undefined;
  const statuses = repos.filter(({ PRID }) => Boolean(PRID)).map(({ PRStatus }) => PRStatus);
  const isOver = (status: string | null | undefined) => status === 'closed' || status === 'merged';
  if (State === reviewed && statuses.length > 0 && statuses.every(isOver)) return 'Completed';
  if (State === 'Completed' && statuses.some((status) => status === 'open' || status === 'draft')) return reviewed;
  return undefined;
}
