import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { measureStandstill } from '../../lib/standstill.ts';
import { StorageError } from '../store/storage-health.ts';
import type { Store } from '../store/store.ts';
import { turnName } from '../store/turns.ts';
import type { Timing } from './timing.ts';
import { failTurn, type TurnDeps } from './turns.ts';

interface ExpiryDeps extends TurnDeps {
  store: TurnDeps['store'] & Pick<Store, 'health'>;
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/** The version of a turn, and since when it has it. */
interface Sign {
  version: number;
  since: number;
}

// Agents and runners need a moment after a sleep until they have connected again.
const minStandstillMs = 20_000;

/**
 * Fails the turns of agents that stopped sending heartbeats, until the signal aborts. Never rejects. The silence counts only
 * while this server could have heard: not before its start, and from the beginning after it stood still, because its
 * agents may have stood still too.
 */
export async function expireTurns(deps: ExpiryDeps): Promise<void> {
  const { clock, timing, signal, logger } = deps;
  const lastSigns = new Map<string, Sign>();
  const stoodStillMs = measureStandstill(clock);
  try {
    for (;;) {
      await sleep(timing.turnExpiryCheckMs, signal);
      const gapMs = stoodStillMs(timing.turnExpiryCheckMs);
      if (gapMs >= minStandstillMs) {
        logger.info('server stood still, waiting for heartbeats again', { duration_ms: Math.round(gapMs) });
        lastSigns.clear();
      }
      // Heartbeats cannot be saved.
      if (deps.store.health.trouble !== undefined) lastSigns.clear();
      try {
        failSilentTurns(deps, lastSigns);
      } catch (error) {
        if (!(error instanceof StorageError)) logger.error('cannot check turns for heartbeats, retrying', { error });
      }
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('turn expiry stopped', { error });
  }
}

function failSilentTurns(deps: ExpiryDeps, lastSigns: Map<string, Sign>): void {
  const { store, clock, timing, logger } = deps;
  const now = clock.now();
  const known = new Map(lastSigns);
  lastSigns.clear();
  for (const { Version: version, ...key } of store.turnAcceptance.running()) {
    const name = turnName(key);
    const last = known.get(name);
    const sign = last?.version === version ? last : { version, since: now };
    lastSigns.set(name, sign);
    if (now - sign.since < timing.turnExpiryMs) continue;
    const turn = store.turns.find(key);
    if (turn === undefined) continue;
    logger.warn('no heartbeat from agent, failing turn', { task_id: turn.TaskId, turn_index: turn.TurnIndex });
    failTurn(deps, turn, `no heartbeat from the agent for ${readable(timing.turnExpiryMs)}`);
  }
}

function readable(ms: number): string {
  return ms < 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}
