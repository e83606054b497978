import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { isoTime } from './time.ts';
import type { Timing } from './timing.ts';
import { failTurn, type TurnDeps } from './turns.ts';

interface ExpiryDeps extends TurnDeps {
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/**
 * Fails the turns of agents that stopped sending heartbeats, until the signal aborts. Never rejects. The time before the
 * start does not count, because agents could not reach a server that was down.
 */
export async function expireTurns(deps: ExpiryDeps): Promise<void> {
  const { timing, signal, logger } = deps;
  try {
    await sleep(timing.turnExpiryMs, signal);
    for (;;) {
      failSilentTurns(deps);
      await sleep(timing.turnExpiryCheckMs, signal);
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('turn expiry stopped', { error });
  }
}

function failSilentTurns(deps: ExpiryDeps): void {
  const { store, clock, timing, logger } = deps;
  const before = isoTime(new Date(clock.date().getTime() - timing.turnExpiryMs));
  for (const turn of store.turnAcceptance.silentSince(before)) {
    logger.warn('no heartbeat from agent, failing turn', { task_id: turn.TaskId, turn_index: turn.TurnIndex });
    failTurn(deps, turn, `no heartbeat from the agent for ${readable(timing.turnExpiryMs)}`);
  }
}

function readable(ms: number): string {
  return ms < 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}
