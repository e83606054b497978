import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../core/time.ts';

interface Issued {
  tenantId: string;
  expiresAt: Date;
}

const lifetimeMs = 3_600_000;
// More than anybody has open; the oldest one goes first.
const maxLinks = 100;

/** The links that sign in at the web page. Each is good once, for an hour, and until the server stops. */
export class SignInLinks {
  readonly #serverUrl: string;
  readonly #clock: Clock;
  // By the hashes of their codes, so that how long a look-up takes tells nothing about a code.
  readonly #issued = new Map<string, Issued>();

  /** @param serverUrl without a slash at the end */
  constructor(serverUrl: string, clock: Clock) {
    this.#serverUrl = serverUrl;
    this.#clock = clock;
  }

  make(tenantId: string): { url: string; expiresAt: Date } {
    const code = randomBytes(24).toString('base64url');
    const expiresAt = new Date(this.#clock().getTime() + lifetimeMs);
    const oldest = this.#issued.size < maxLinks ? undefined : this.#issued.keys().next().value;
    if (oldest !== undefined) this.#issued.delete(oldest);
    this.#issued.set(nameOf(code), { tenantId, expiresAt });
    // A browser keeps what follows "#" to itself: it gets into no log and no Referer.
    return { url: `${this.#serverUrl}/#sign-in=${code}`, expiresAt };
  }

  /** Whom the code of a link signs in; undefined for one that is unknown, too old or used. It is used now. */
  redeem(code: string): Issued | undefined {
    const name = nameOf(code);
    const issued = this.#issued.get(name);
    this.#issued.delete(name);
    return issued && issued.expiresAt > this.#clock() ? issued : undefined;
  }
}

function nameOf(code: string): string {
  return hash('sha256', code, 'base64');
}
