import type { Sleep } from '../lib/sleep.ts';
import type { Caller } from './caller.ts';
import { type GithubError, withRetryTime } from './errors.ts';
import type { RateLimit } from './rate-limit.ts';

/** What GitHub counts by itself. */
export type Resource = 'core' | 'search' | 'graphql';

interface Block {
  /** Of `performance.now()`. */
  until: number;
  reason: GithubError;
}

// Those who waited together don't come back all at once.
const jitterMs = 500;
// However short the wait that GitHub asks for: a limit that is reached again and again was not over.
const minWaitMs = 1000;
const maxMinWaitMs = 64_000;

/**
 * The rate limits that were reached, so that nobody asks GitHub before they are over: it takes being asked on for abuse.
 */
export class LimitMemory {
  readonly #sleep: Sleep;
  readonly #blocks = new Map<Resource | 'all', Block>();
  /** How often a limit was reached in a row. */
  readonly #strikes = new Map<Resource | 'all', number>();

  constructor(sleep: Sleep) {
    this.#sleep = sleep;
  }

  /** Returns how long GitHub is not to be asked, or undefined when that was known: many calls can reach a limit at once. */
  note(resource: Resource, { waitMs, scope }: RateLimit, reason: GithubError): number | undefined {
    const key = scope === 'all' ? 'all' : resource;
    const now = performance.now();
    const known = this.#blocks.get(key);
    if (known && known.until > now) {
      if (now + waitMs > known.until) this.#blocks.set(key, { until: now + waitMs, reason });
      return undefined;
    }
    const strikes = this.#strikes.get(key) ?? 0;
    this.#strikes.set(key, strikes + 1);
    const longEnoughMs = Math.max(waitMs, Math.min(maxMinWaitMs, minWaitMs * 2 ** strikes));
    this.#blocks.set(key, { until: now + longEnoughMs, reason });
    return longEnoughMs;
  }

  /** GitHub has answered. */
  noteSuccess(resource: Resource): void {
    this.#strikes.delete(resource);
    this.#strikes.delete('all');
  }

  isReached(resource: Resource): boolean {
    return this.#blockOf(resource) !== undefined;
  }

  /** Why GitHub is not to be asked, and when it can be again; undefined if it can now. */
  refusal(resource: Resource): GithubError | undefined {
    const block = this.#blockOf(resource);
    return block && withRetryTime(block.reason, block.until - performance.now());
  }

  /**
   * Waits until GitHub may be asked.
   * @throws GithubError that says when to try again, if the caller does not wait that long
   */
  async wait(resource: Resource, { deadline, signal }: Pick<Caller, 'deadline' | 'signal'>): Promise<void> {
    for (;;) {
      const block = this.#blockOf(resource);
      if (!block) return;
      const until = block.until + Math.random() * jitterMs;
      if (until >= deadline) throw this.refusal(resource) ?? block.reason;
      await this.#sleep(until - performance.now(), signal);
      this.#forget(block);
    }
  }

  /** The one that lasts longest. */
  #blockOf(resource: Resource): Block | undefined {
    const blocks = ['all', resource] as const;
    const lasting = blocks
      .flatMap((key) => this.#blocks.get(key) ?? [])
      .filter(({ until }) => until > performance.now());
    return lasting.toSorted((a, b) => b.until - a.until)[0];
  }

  #forget(block: Block): void {
    for (const [key, current] of this.#blocks) if (current === block) this.#blocks.delete(key);
  }
}
