/** Sessions at the web page: what its token is, and how long it is good for. */
import { hash, randomBytes } from 'node:crypto';
import { type Clock, isoTime } from '../core/time.ts';
import type { Store } from '../store/store.ts';

interface SessionParts {
  store: Pick<Store, 'pageSessions'>;
  clock: Clock;
}

interface Session {
  tenantId: string;
  expiresAt: Date;
}

const prefix = 'p42w_';
const sessionDays = 7;

export function isPageToken(token: string): boolean {
  return token.startsWith(prefix);
}

/** Begins a session, and forgets those that are over. The token is not kept. */
export function beginSession({ store, clock }: SessionParts, tenantId: string): Session & { token: string } {
  const now = clock();
  const expiresAt = new Date(now.getTime() + sessionDays * 24 * 3_600_000);
  const token = prefix + randomBytes(32).toString('base64url');
  store.pageSessions.removeExpired(isoTime(now));
  store.pageSessions.add(hashOf(token), { TenantId: tenantId, ExpiresAt: isoTime(expiresAt) });
  return { token, tenantId, expiresAt };
}

/** Undefined for a token that was never given out, or whose session is over. */
export function findSession({ store, clock }: SessionParts, token: string): Session | undefined {
  const session = store.pageSessions.find(hashOf(token));
  if (!session) return undefined;
  const expiresAt = new Date(session.ExpiresAt);
  return expiresAt > clock() ? { tenantId: session.TenantId, expiresAt } : undefined;
}

export function endSession({ store }: Pick<SessionParts, 'store'>, token: string): void {
  store.pageSessions.remove(hashOf(token));
}

// The token is random and long: a plain hash is enough.
function hashOf(token: string): string {
  return hash('sha256', token, 'base64');
}
