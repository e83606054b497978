import type { Clock } from '../../lib/clock.ts';
import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
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

interface RetentionDeps {
  store: Pick<Store, 'expired'>;
  retention: Retention;
  timing: Timing;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

// A client creates the environment just before the task.
const unusedEnvironmentMs = 3_600_000;
const tasksAtOnce = 20;
// Requests are served in between.
const pauseMs = 2;

/** Removes what is older than its retention period, hourly, until the signal aborts. Never rejects. */
export async function applyRetention(deps: RetentionDeps): Promise<void> {
  const { timing, signal, logger, clock } = deps;
  const isClockPlausible = watchDate(deps);
  try {
    for (;;) {
      if (isClockPlausible()) await tryToRemove(deps);
      else logger.warn('date has jumped, skipping retention');
      await clock.sleep(timing.retentionIntervalMs, signal);
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('retention stopped', { error });
  }
}

/** A full disk, for example, must not end it. */
async function tryToRemove(deps: RetentionDeps): Promise<void> {
  try {
    await removeExpired(deps);
  } catch (error) {
    if (deps.signal.aborted) throw error;
    deps.logger.warn('retention failed', { error });
  }
}

const maxIdleMs = 7 * 24 * 3_600_000;
const maxDriftMs = 5 * 60_000;

/**
 * Returns a function that returns whether the date can be believed. A wrong date would delete everything, so a date that has
 * jumped is not believed the first time: since the previous call, or by a week since the latest change in the database.
 */
function watchDate({ store, clock }: RetentionDeps): () => boolean {
  const latest = store.expired.latestChange();
  const read = () => ({ date: clock.date().getTime(), now: clock.now() });
  let previous: ReturnType<typeof read> | undefined;
  return () => {
    const current = read();
    const isPlausible = previous
      ? Math.abs(current.date - previous.date - (current.now - previous.now)) <= maxDriftMs
      : latest === undefined || current.date - Date.parse(latest) <= maxIdleMs;
    previous = current;
    return isPlausible;
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
      if (expired.removeTask(task, times)) removed += 1;
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
  if (tasks + logs + environments === 0) return;
  while (expired.shrinkFile()) await pause();
  logger.info('retention applied', { tasks, logs, environments, duration_ms: Math.round(clock.now() - startedAt) });
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
