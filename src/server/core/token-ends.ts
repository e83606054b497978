import type { Clock } from '../../lib/clock.ts';
import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { RunnerTokenMetadata } from '../../plan42/objects.ts';
import { describeEnd, tokenState } from '../../plan42/token-end.ts';
import type { RunnerKey } from '../store/runner-queues.ts';
import type { Store } from '../store/store.ts';
import type { Timing } from './timing.ts';

interface TokenEndDeps {
  store: Pick<Store, 'runnerTokens'>;
  clock: Clock;
}

type TokenKey = Pick<RunnerTokenMetadata, 'TenantID' | 'RunnerID' | 'TokenID'>;

const recentMs = 3_600_000;
const repeatMs = 24 * 3_600_000;

/** Knows which runner tokens are in use, accepted or expired, and which of those a user has to replace. */
export class TokenEnds {
  readonly #deps: TokenEndDeps;
  readonly #lastUse = new Map<string, { key: TokenKey; at: number }>();

  constructor(deps: TokenEndDeps) {
    this.#deps = deps;
  }

  noteUse(key: TokenKey): void {
    this.#lastUse.set(key.TokenID, { key, at: this.#deps.clock.now() });
  }

  /** Returns the tokens in use that end soon or have expired, those that end first first. */
  ending(runner?: RunnerKey): RunnerTokenMetadata[] {
    const { store, clock } = this.#deps;
    const found: RunnerTokenMetadata[] = [];
    for (const [id, { key, at }] of this.#lastUse) {
      if (clock.now() - at > recentMs) {
        this.#lastUse.delete(id);
        continue;
      }
      if (runner && (key.RunnerID !== runner.RunnerID || key.TenantID !== runner.TenantID)) continue;
      const token = store.runnerTokens.find(key);
      if (!token || token.Revoked || tokenState(new Date(token.ExpiresAt), clock.date()) === 'valid') continue;
      found.push(token);
    }
    return found.toSorted((a, b) => a.ExpiresAt.localeCompare(b.ExpiresAt));
  }
}

interface WarnDeps extends TokenEndDeps {
  tokenEnds: TokenEnds;
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/** Logs each token in use that ends soon or has expired, once a day, until the signal aborts. Never rejects. */
export async function warnOfTokenEnds({ tokenEnds, clock, timing, logger, signal }: WarnDeps): Promise<void> {
  const warned = new Map<string, number>();
  try {
    for (;;) {
      await clock.sleep(timing.tokenCheckMs, signal);
      const date = clock.date();
      for (const { TokenID, RunnerID, ExpiresAt } of tokenEnds.ending()) {
        const expiresAt = new Date(ExpiresAt);
        const name = `${TokenID} ${tokenState(expiresAt, date)}`;
        if (clock.now() - (warned.get(name) ?? Number.NEGATIVE_INFINITY) < repeatMs) continue;
        warned.set(name, clock.now());
        const fields = {
          runner_id: RunnerID,
          token_id: TokenID,
          expires_at: ExpiresAt,
          ends: describeEnd(expiresAt, date),
        };
        if (tokenState(expiresAt, date) === 'ending') logger.warn('token of runner ends soon', fields);
        else logger.warn('runner uses an expired token', fields);
      }
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('token checks stopped', { error });
  }
}
