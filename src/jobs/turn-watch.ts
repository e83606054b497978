/**
 * Polls the turns of this runner's jobs, so that a turn that the server has ended ends its job. An outage, a rejected token
 * or an unreadable response says nothing about a turn.
 */
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { mapConcurrently } from '../lib/map-concurrently.ts';
import { sleep as realSleep, type Sleep } from '../lib/sleep.ts';
import type { Plan42Client, TurnPath } from '../plan42/client.ts';
import { type EndedTurn, maxWatchedTurns } from '../plan42/ended-turns.ts';
import { ApiError, isAuthError } from '../plan42/errors.ts';
import type { ServerFeature } from '../plan42/features.ts';
import { finishedEnd, type TurnEnd } from './turn-end.ts';
import type { TurnUpdates } from './turn-updates.ts';

export interface WatchedTurn {
  path: TurnPath;
  updates: TurnUpdates;
  /** With the agent token of the job. */
  client: Plan42Client;
  /** Before the agent starts, heartbeats show the end of a turn as well. */
  isStarted: boolean;
}

export interface TurnWatchDeps {
  /** With the runner token. */
  client: Plan42Client;
  runner: { tenantId: string; runnerId: string };
  /** Those that the server is known to have. */
  features: ReadonlySet<ServerFeature>;
  turns: () => readonly WatchedTurn[];
  logger: Logger;
  signal: AbortSignal;
  timing?: TurnWatchTiming;
  sleep?: Sleep;
}

export interface TurnWatchTiming {
  /** Between two polls, with jitter. */
  intervalMs: number;
  /** How long our server may hold a poll. A job that starts meanwhile is in the next one. */
  waitMs: number;
  /** Between two such polls, which can return at once. */
  pauseMs: number;
  /** Until it is checked again whether there are jobs. */
  idleMs: number;
}

export const turnWatchTiming: TurnWatchTiming = { intervalMs: 20_000, waitMs: 10_000, pauseMs: 1000, idleMs: 5000 };

const concurrency = 8;
// A single 404 can come from a server that is starting or was misconfigured for a moment.
const missesUntilDeleted = 2;

/** Polls until `signal` is aborted. Never rejects. */
export async function watchTurns(deps: TurnWatchDeps): Promise<void> {
  const { signal, logger, turns, timing = turnWatchTiming, sleep = realSleep } = deps;
  const misses = new WeakMap<TurnUpdates, number>();
  while (!signal.aborted) {
    try {
      const watched = turns().filter(({ updates }) => updates.end === undefined);
      if (watched.length > 0 && (await pollTogether(watched, deps, timing.waitMs))) {
        await sleep(timing.pauseMs, signal);
        continue;
      }
      const started = watched.filter(({ isStarted }) => isStarted);
      await mapConcurrently(started, concurrency, signal, (turn) => pollTurn(turn, deps, misses));
      await sleep(watched.length === 0 ? timing.idleMs : timing.intervalMs * (0.75 + Math.random() / 2), signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      logger.error('cannot poll turns of jobs', { error });
      await sleep(timing.intervalMs, signal).catch(() => {});
    }
  }
}

/** Returns whether the server reported on all of them, which may have taken `waitMs`. */
async function pollTogether(
  watched: readonly WatchedTurn[],
  { client, runner, features, logger, signal }: TurnWatchDeps,
  waitMs: number,
): Promise<boolean> {
  // A runner token is for one tenant.
  const own = watched
    .filter(({ path }) => path.tenantId === runner.tenantId)
    .toSorted((a, b) => Number(b.isStarted) - Number(a.isStarted))
    .slice(0, maxWatchedTurns);
  if (!features.has('EndedTurns') || own.length === 0) return false;
  const paths = own.map(({ path }) => path);
  try {
    const ended = await client.getEndedTurns(runner, paths, waitMs, { signal });
    for (const turn of ended) {
      const match = own.find(({ path }) => path.taskId === turn.TaskId && path.turnIndex === turn.TurnIndex);
      match?.updates.noteEnd(endOf(turn));
    }
    return own.length === watched.length;
  } catch (error) {
    signal.throwIfAborted();
    logger.debug('cannot poll turns of jobs together', { error });
    return false;
  }
}

function endOf(turn: EndedTurn): TurnEnd {
  if (turn.Reason === 'Deleted') return { reason: 'deleted' };
  if (turn.Reason === 'Moved') return { reason: 'moved', machine: turn.Machine ?? undefined };
  return finishedEnd(turn);
}

async function pollTurn(
  { path, updates, client: agentClient }: WatchedTurn,
  { client, signal, logger }: TurnWatchDeps,
  misses: WeakMap<TurnUpdates, number>,
): Promise<void> {
  const options = { signal, includeDeleted: false };
  try {
    // Some servers let only one of the two tokens read turns.
    const turn = await client.getTurn(path, options).catch((error: unknown) => {
      if (!isAuthError(error)) throw error;
      return agentClient.getTurn(path, options);
    });
    misses.delete(updates);
    updates.observe(turn);
  } catch (error) {
    signal.throwIfAborted();
    logger.debug('cannot poll turn', { task_id: path.taskId, turn_index: path.turnIndex, error });
    const isGone = error instanceof ApiError && error.status === 404 && error.isFromApi;
    const missed = isGone ? (misses.get(updates) ?? 0) + 1 : 0;
    misses.set(updates, missed);
    if (missed >= missesUntilDeleted) updates.noteEnd({ reason: 'deleted' });
  }
}
