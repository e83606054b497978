/** Reports the progress of a job that has not started yet. */
import { withDeadline } from '../lib/deadline.ts';
import type { Logger } from '../lib/logger.ts';
import type { Sleep } from '../lib/sleep.ts';
import type { TurnUpdates } from './turn-updates.ts';

const statusTimeoutMs = 10_000;
const maxHeartbeatGapMs = 60_000;

/** Sets the turn's status, but only for a short time: a job does not wait for an unreachable server. */
export async function reportStatus(
  { turn, logger }: { turn: TurnUpdates; logger: Logger },
  status: string,
  stop: AbortSignal,
): Promise<void> {
  try {
    await withDeadline(statusTimeoutMs, stop, (signal) => turn.setStatus(status, signal));
  } catch (error) {
    if (!stop.aborted) logger.warn('cannot set turn status', { status, error });
  }
}

/**
 * Sends heartbeats at random intervals until it is disposed of.
 * @param minGapMs the least interval, if an agent that starts soon should find its turn unchanged
 */
export function startHeartbeats(
  { turn, sleep }: { turn: TurnUpdates; sleep: Sleep },
  stop: AbortSignal,
  minGapMs = 0,
): AsyncDisposable {
  const end = new AbortController();
  const signal = AbortSignal.any([stop, end.signal]);
  const beats = (async () => {
    while (!signal.aborted) {
      await sleep(minGapMs + Math.random() * (maxHeartbeatGapMs - minGapMs), signal);
      await turn.heartbeat(signal);
    }
  })().catch(() => {});
  return {
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await beats;
    },
  };
}
