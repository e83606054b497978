import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';

interface Issued {
  tenantId: string;
  /** By the monotonic clock. */
  until: number;
}

const lifetimeMs = 3_600_000;
// The oldest link is dropped first.
const maxLinks = 100;

/** The sign-in links of the web page. Each works once, for an hour, and until the server stops. */
export class SignInLinks {
  readonly #serverUrl: string;
  readonly #clock: Clock;
  // Keyed by the hash of the code, so that the time of a look-up reveals nothing about a code.
  readonly #issued = new Map<string, Issued>();

  /** @param serverUrl without a slash at the end */
  constructor(serverUrl: string, clock: Clock) {
    this.#serverUrl = serverUrl;
    this.#clock = clock;
  }

  make(tenantId: string): { url: string; expiresAt: Date } {
    const code = randomBytes(24).toString('base64url');
    const oldest = this.#issued.size < maxLinks ? undefined : this.#issued.keys().next().value;
    if (oldest !== undefined) this.#issued.delete(oldest);
    this.#issued.set(nameOf(code), { tenantId, until: this.#clock.now() + lifetimeMs });
    // Browsers do not send what follows "#", so the code gets into no log and no Referer.
    const expiresAt = new Date(this.#clock.date().getTime() + lifetimeMs);
    return { url: `${this.#serverUrl}/#sign-in=${code}`, expiresAt };
  }

  /** Uses up the code of a link. Returns undefined if it is unknown, expired or used. */
  redeem(code: string): { tenantId: string } | undefined {
    const name = nameOf(code);
    const issued = this.#issued.get(name);
    this.#issued.delete(name);
    return issued && issued.until > this.#clock.now() ? { tenantId: issued.tenantId } : undefined;
  }
}

function nameOf(code: string): string {
  return hash('sha256', code, 'base64');
}
