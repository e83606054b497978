import { type Clock, systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { describeEnd, type TokenState, tokenState } from '../plan42/token-end.ts';
import { tokenRemedy } from './token-remedy.ts';

export interface TokenWatchOptions {
  /** Undefined for a token without an end. */
  expiresAt: Date | undefined;
  logger: Logger;
  clock?: Clock;
  /** Has the token if it is not in the file. */
  env?: NodeJS.ProcessEnv;
}

const checkIntervalMs = 3_600_000;
const repeatMs = 24 * checkIntervalMs;

/** Warns of a runner token that ends soon or has expired: when that begins, and then once a day. */
export class TokenWatch implements Disposable {
  #expiresAt: Date | undefined;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #remedy: string;
  readonly #timer: NodeJS.Timeout;
  #warned: { state: TokenState; at: number } | undefined;

  constructor({ expiresAt, logger, clock = systemClock, env = {} }: TokenWatchOptions) {
    this.#expiresAt = expiresAt;
    this.#logger = logger;
    this.#clock = clock;
    this.#remedy = tokenRemedy(env);
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
    const fields = { expires_at: this.#expiresAt.toISOString(), ends: end, remedy: this.#remedy };
    if (state === 'ending') this.#logger.warn('runner token ends soon', fields);
    else this.#logger.error('runner token has expired by the local clock', fields);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
