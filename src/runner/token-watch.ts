import { type Clock, systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { describeEnd, type TokenState, tokenState } from '../plan42/token-end.ts';

export interface TokenWatchOptions {
  /** Undefined for a token without an end. */
  expiresAt: Date | undefined;
  logger: Logger;
  clock?: Clock;
}

const checkIntervalMs = 3_600_000;
const repeatMs = 24 * checkIntervalMs;
const remedy = 'Create a token on the server and set it as runner.token: it takes effect without a restart.';

/** Warns of a runner token that ends soon or has expired: when that begins, and then once a day. */
export class TokenWatch implements Disposable {
  #expiresAt: Date | undefined;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #warned: { state: TokenState; at: number } | undefined;

  constructor({ expiresAt, logger, clock = systemClock }: TokenWatchOptions) {
    this.#expiresAt = expiresAt;
    this.#logger = logger;
    this.#clock = clock;
    this.#timer = setInterval(() => this.check(), checkIntervalMs).unref();
  }

  get expiresAt(): Date | undefined {
    return this.#expiresAt;
  }

  /** By the date of this machine. */
  get state(): TokenState {
    return tokenState(this.#expiresAt, this.#clock.date());
  }

  replace(expiresAt: Date | undefined): void {
    this.#expiresAt = expiresAt;
    this.#warned = undefined;
    this.check();
  }

  /** Logs a warning if one is due. */
  check(): void {
    const { state } = this;
    const now = this.#clock.now();
    const isRepeated = this.#warned?.state === state && now - this.#warned.at < repeatMs;
    if (this.#expiresAt === undefined || state === 'valid' || isRepeated) return;
    this.#warned = { state, at: now };
    const end = describeEnd(this.#expiresAt, this.#clock.date());
    const fields = { expires_at: this.#expiresAt.toISOString(), ends: end, remedy };
    if (state === 'ending') this.#logger.warn('runner token ends soon', fields);
    else this.#logger.error('runner token has expired by the local clock', fields);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
