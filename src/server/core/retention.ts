import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import { createDateWatch, DateMemory } from '../../lib/date-trust.ts';
import { isAbort } from '../../lib/errors.ts';
import { tryParseJson } from '../../lib/json.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { Task } from '../../plan42/objects.ts';
import type { Store } from '../store/store.ts';
import { isoTime } from './time.ts';
import type { Timing } from './timing.ts';

/** How long the server keeps things after their last change. Undefined keeps them indefinitely. */
export interface Retention {
  tasksMs?: number | undefined;
  logsMs?: number | undefined;
  /** Of deleted tasks and environments, which can be undeleted until then. */
  deletedMs?: number | undefined;
}

export const defaultRetention: Retention = { deletedMs: 30 * 24 * 3_600_000 };

/** The hosted repositories. */
interface TaskBranches {
  removeBranches(task: Task): Promise<void>;
  tidy(now: Date, signal: AbortSignal): Promise<void>;
}

interface RetentionDeps {
  repositories: TaskBranches;
  store: Pick<Store, 'expired' | 'settings'>;
  retention: Retention;
  timing: Timing;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

// A client creates the environment just before the task.
const unusedEnvironmentMs = 3_600_000;
const tasksAtOnce = 20;
// Each has up to 30 MiB.
const filesAtOnce = 1;
// Requests are served in between.
const pauseMs = 2;

/** Removes what is older than its retention period, hourly, until the signal aborts. Never rejects. */
export async function applyRetention(deps: RetentionDeps): Promise<void> {
  const { timing, signal, logger, clock } = deps;
  try {
    const lookAtDate = watchDate(deps);
    for (;;) {
      await tryToRemove(deps, lookAtDate);
      await clock.sleep(timing.retentionIntervalMs, signal);
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('retention stopped', { error });
  }
}

/** A full disk, for example, must not end it. */
async function tryToRemove(deps: RetentionDeps, lookAtDate: () => number): Promise<void> {
  try {
    const waitMs = lookAtDate();
    if (waitMs === 0) await removeExpired(deps);
    else deps.logger.warn('date has jumped, skipping retention', { delay_ms: Math.round(waitMs) });
  } catch (error) {
    if (deps.signal.aborted) throw error;
    deps.logger.warn('retention failed', { error });
  }
}

/**
 * Returns a function that looks at the date and returns for how long ages are not to be trusted: a wrong date would delete
 * everything. What it remembers is in the database.
 */
function watchDate({ store: { settings, expired }, clock }: RetentionDeps): () => number {
  const watch = createDateWatch(clock);
  const known = v.safeParse(DateMemory, tryParseJson(settings.get('retentionDate') ?? ''));
  const latest = expired.latestChange();
  const latestChange = latest === undefined ? undefined : { dateMs: Date.parse(latest), waitMs: 0 };
  let memory = known.success ? known.output : latestChange;
  return () => {
    memory = watch(memory);
    settings.set('retentionDate', JSON.stringify(memory));
    return memory.waitMs;
  };
}

async function removeExpired(deps: RetentionDeps): Promise<void> {
  const { store, retention, clock, logger, signal } = deps;
  const startedAt = clock.now();
  const date = clock.date().getTime();
  const before = (ms: number | undefined) => (ms === undefined ? '' : isoTime(new Date(date - ms)));
  const times = { tasks: before(retention.tasksMs), deleted: before(retention.deletedMs) };
  const pause = () => sleep(pauseMs, signal);
  const { expired } = store;

  let tasks = 0;
  for (;;) {
    const found = expired.tasks(times, tasksAtOnce);
    let removed = 0;
    for (const task of found) {
      for (const turn of expired.turns(task)) while (expired.deleteLogBatch(turn, 0)) await pause();
      if (expired.removeTask(task, times)) {
        removed += 1;
        await removeBranches(deps, task);
      }
      await pause();
    }
    tasks += removed;
    if (removed === 0) break;
  }
  const logs = await removeLogs(deps, before(retention.logsMs), pause);
  const environments = expired.removeEnvironments({
    ephemeral: before(unusedEnvironmentMs),
    deleted: times.deleted,
  });
  expired.removeWorkstreams(times.deleted);
  const files = await removeFiles(deps, times.deleted, pause);
  await tidyRepositories(deps);
  if (tasks + logs + environments + files === 0) return;
  while (expired.shrinkFile()) await pause();
  logger.info('retention applied', {
    tasks,
    logs,
    environments,
    files,
    duration_ms: Math.round(clock.now() - startedAt),
  });
}

/** A damaged repository must not keep the tasks. */
async function removeBranches({ repositories, logger }: RetentionDeps, task: Task): Promise<void> {
  await repositories.removeBranches(task).catch((error: unknown) => {
    logger.warn('cannot remove branches of task', { task_id: task.TaskId, error });
  });
}

async function tidyRepositories({ repositories, logger, clock, signal }: RetentionDeps): Promise<void> {
  await repositories.tidy(clock.date(), signal).catch((error: unknown) => {
    signal.throwIfAborted();
    logger.warn('cannot tidy hosted repositories', { error });
  });
}

async function removeFiles({ store: { expired } }: RetentionDeps, before: string, pause: () => Promise<void>) {
  let files = 0;
  for (;;) {
    const removed = expired.removeFiles(before, filesAtOnce);
    files += removed;
    if (removed === 0) return files;
    await pause();
  }
}

const removedLog = 'The log was deleted, because it is older than the server’s retention period.';

async function removeLogs({ store: { expired } }: RetentionDeps, before: string, pause: () => Promise<void>) {
  let logs = 0;
  for (;;) {
    const turns = expired.logs(before, tasksAtOnce);
    if (turns.length === 0) return logs;
    for (const turn of turns) {
      while (expired.deleteLogBatch(turn, 1)) await pause();
      expired.endRemovedLog(turn, removedLog);
      logs += 1;
      await pause();
    }
  }
}
