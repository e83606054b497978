import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { isoTime } from './time.ts';
import type { Timing } from './timing.ts';
import { failTurn, type TurnParts } from './turns.ts';

interface ExpiryParts extends TurnParts {
  timing: Timing;
  logger: Logger;
  /** Ends the watch. */
  signal: AbortSignal;
}

/**
 * Fails the turns of agents that stopped sending heartbeats, for as long as the server runs. Never rejects. The time
 * before the start does not count: no agent could reach a server that was down.
 */
export async function expireTurns(parts: ExpiryParts): Promise<void> {
  const { timing, signal, logger } = parts;
  try {
    await sleep(timing.turnExpiryMs, signal);
    for (;;) {
      failSilentTurns(parts);
      await sleep(timing.turnExpiryCheckMs, signal);
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('the watch over silent turns ended', { error });
  }
}

function failSilentTurns(parts: ExpiryParts): void {
  const { store, clock, timing, logger } = parts;
  const before = isoTime(new Date(clock().getTime() - timing.turnExpiryMs));
  for (const turn of store.turnAcceptance.silentSince(before)) {
    logger.warn('failing a turn whose agent is silent', { task_id: turn.TaskId, turn_index: turn.TurnIndex });
    failTurn(parts, turn, `no sign of life from the agent for ${readable(timing.turnExpiryMs)}`);
  }
}

function readable(ms: number): string {
  return ms < 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}
