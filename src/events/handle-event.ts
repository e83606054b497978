/** Carries out one event: a turn for a comment, the state of a pull request in its task. */
import { type Caller, withCaller } from '../github/caller.ts';
import type { GithubConnections } from '../github/connections.ts';
import { GithubError } from '../github/errors.ts';
import { parseRepoPath } from '../github/repo-path.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { retry } from '../lib/retry.ts';
import { ApiError, currentOf } from '../plan42/errors.ts';
import { createTurn, EventTask, getLastTurn, searchTasks, updateTask } from '../plan42/event-calls.ts';
import { knownFields } from '../plan42/fields.ts';
import type { ApiEndpoint } from '../plan42/http.ts';
import { isTerminalStatus } from '../plan42/turn-status.ts';
import { onSameGithub, whyNoTask } from './core/choose-task.ts';
import { type ClockReading, clockSkewMs, readClock } from './core/clock-skew.ts';
import { type Ignored, nextTurn, taskToContinue, turnPrompt, whyNotOnPullRequest } from './core/comment.ts';
import type { WantedEvent } from './core/feed-event.ts';
import { mergeState } from './core/merge-state.ts';
import { isWhole, PullRequest, statusOf } from './core/pull-request.ts';
import type { Metrics } from './metrics.ts';

export interface HandlerDeps {
  github: GithubConnections;
  /** With the current token. */
  endpoint: () => ApiEndpoint;
  tenantId: string;
  metrics: Metrics;
  logger: Logger;
}

export interface EventToHandle {
  /** Replaced by `saveTurn`. */
  event: WantedEvent;
  connectionId: string;
  /** Saves the turn that is about to be created, so that no other run creates a second one. */
  saveTurn: (turn: NonNullable<WantedEvent['turn']>) => Promise<void>;
}

const githubTimeoutMs = 60_000;

/**
 * Handles an event. If it rejects, nothing was done that handling it again would repeat.
 * @throws GithubError, ApiError, ConnectionError, as the calls do; the signal's reason
 */
export async function handleEvent(item: EventToHandle, deps: HandlerDeps, signal: AbortSignal): Promise<void> {
  const { event } = item;
  const fetched = await fetchPullRequest(item, deps, signal);
  if (fetched === 'gone') return ignore(item, isGone, deps);
  const { pullRequest, clock } = fetched;
  const stop =
    event.kind === 'comment'
      ? await continueTask(item, { pullRequest, clock }, deps, signal)
      : await saveState(item, pullRequest, deps, signal);
  if (stop !== undefined) ignore(item, stop, deps);
}

function ignore(item: EventToHandle, { level, reason }: Ignored, { metrics, logger }: HandlerDeps): void {
  metrics.ignored += 1;
  logger[level]('GitHub event ignored', { ...fieldsOf(item), reason });
}

/** The fields of log lines about an event. */
export function fieldsOf({ event, connectionId }: Pick<EventToHandle, 'event' | 'connectionId'>) {
  const { id, kind, repo, number } = event;
  return { connection_id: connectionId, event_id: id, kind, repo, pull_request: number };
}

interface FetchedPullRequest {
  pullRequest: PullRequest;
  /** GitHub's. */
  clock: ClockReading | undefined;
}

/** GitHub leaves most of a pull request out of its events. What an old server includes is used if there is nothing else. */
async function fetchPullRequest(
  { event, connectionId }: EventToHandle,
  { github }: HandlerDeps,
  signal: AbortSignal,
): Promise<FetchedPullRequest | 'gone'> {
  const { repo, number, pullRequest: included } = event;
  const parameters = { ...parseRepoPath(repo), number };
  const get = (caller: Caller) =>
    github.withClient(connectionId, (client) =>
      client.get('/repos/{org}/{repo}/pulls/{number}', parameters, PullRequest, caller),
    );
  try {
    const { data, headers } = await withCaller(githubTimeoutMs, signal, get);
    return { pullRequest: data, clock: readClock(headers['date'], systemClock.now()) };
  } catch (error) {
    if (!(error instanceof GithubError) || error.retryAt || ![403, 404, 410].includes(error.status ?? 0)) throw error;
    if (included !== undefined && isWhole(included)) return { pullRequest: included, clock: undefined };
    if (error.status === 403) throw error;
    return 'gone';
  }
}

async function findTasks(
  { id, html_url }: PullRequest,
  { endpoint, tenantId }: HandlerDeps,
  signal: AbortSignal,
): Promise<{ tasks: EventTask[]; found: EventTask[] }> {
  const found = await searchTasks(endpoint(), tenantId, id, signal);
  return { tasks: onSameGithub(found, id, html_url), found };
}

const conflicts = { backoff: { minMs: 10, maxMs: 1000 }, maxAttempts: 5 };
const isConflict = (error: unknown) => error instanceof ApiError && error.status === 409;
// GitHub responds in the same way if the token may not read the repository.
const isGone: Ignored = { reason: 'pull request is gone, or the token cannot read its repository', level: 'warn' };
const isBusy: Ignored = { reason: 'task is busy', level: 'info' };

async function continueTask(
  item: EventToHandle,
  fetched: FetchedPullRequest,
  deps: HandlerDeps,
  signal: AbortSignal,
): Promise<Ignored | undefined> {
  const refused = whyNotOnPullRequest(item.event, fetched.pullRequest);
  if (refused !== undefined) return refused;
  const attempt = () => tryToContinue(item, fetched, deps, signal);
  try {
    // A conflict can also mean that the task has changed since it was found.
    return await retry(attempt, { ...conflicts, signal, shouldRetry: isConflict });
  } catch (error) {
    if (isConflict(error)) return isBusy;
    throw error;
  }
}

async function tryToContinue(
  item: EventToHandle,
  { pullRequest, clock }: FetchedPullRequest,
  deps: HandlerDeps,
  signal: AbortSignal,
): Promise<Ignored | undefined> {
  const { endpoint, metrics, logger } = deps;
  const { tasks, found } = await findTasks(pullRequest, deps, signal);
  const chosen = taskToContinue(tasks, found);
  if ('stop' in chosen) return chosen.stop;
  const task = pathOf(chosen.task, deps);
  const response = await getLastTurn(endpoint(), task, signal).catch(undefinedIfMissing);
  const last = response?.data;
  const serverClock = readClock(response?.date, systemClock.now());
  const next = nextTurn(item.event, last, clockSkewMs(serverClock, clock));
  if ('stop' in next) return next.stop;
  const { turnIndex } = next;
  await item.saveTurn({ taskId: task.taskId, turnIndex });
  try {
    const turn = { version: chosen.task.Version, prompt: turnPrompt };
    await createTurn(endpoint(), { ...task, turnIndex }, turn, signal);
  } catch (error) {
    if (isConflict(error) && !isTerminalStatus(last?.Status)) return isBusy;
    throw error;
  }
  metrics.turns_created += 1;
  logger.info('turn created for GitHub comment', { ...fieldsOf(item), task_id: task.taskId, turn_index: turnIndex });
  return undefined;
}

function undefinedIfMissing(error: unknown): undefined {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
}

const WorkstreamConflict = knownFields({ Task: EventTask });

async function saveState(
  item: EventToHandle,
  pullRequest: PullRequest,
  deps: HandlerDeps,
  signal: AbortSignal,
): Promise<Ignored | undefined> {
  const { endpoint, metrics, logger } = deps;
  const { repo, at } = item.event;
  const { tasks, found } = await findTasks(pullRequest, deps, signal);
  const [first, ...others] = tasks;
  if (first === undefined) return { reason: whyNoTask(found), level: 'info' };
  if (others.length > 0) logger.warn('several tasks of a pull request, updating the first', fieldsOf(item));
  let task = first;
  const attempt = async (): Promise<Ignored | undefined> => {
    const merged = mergeState(task, repo, pullRequest, at);
    if ('stop' in merged) return merged.stop;
    const { changes } = merged;
    await updateTask(endpoint(), pathOf(task, deps), { version: task.Version, changes }, signal);
    metrics.tasks_updated += 1;
    const status = statusOf(pullRequest);
    logger.info('task updated from pull request', { ...fieldsOf(item), task_id: task.TaskId, status });
    return undefined;
  };
  const shouldRetry = (error: unknown) => {
    const current = currentOf(error, WorkstreamConflict)?.Task ?? currentOf(error, EventTask);
    if (current === undefined) return false;
    task = current;
    return true;
  };
  return retry(attempt, { ...conflicts, signal, shouldRetry });
}

function pathOf({ TaskId, WorkstreamId }: EventTask, { tenantId }: HandlerDeps) {
  return { tenantId, taskId: TaskId, workstreamId: WorkstreamId ?? undefined };
}
