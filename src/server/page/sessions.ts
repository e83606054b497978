/** The sessions of the web page. */
import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { isoTime } from '../core/time.ts';
import type { Store } from '../store/store.ts';

interface SessionDeps {
  store: Pick<Store, 'pageSessions' | 'removeExpiredSessions'>;
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

/** Starts a session, and deletes expired ones. The token is not stored. */
export function startSession({ store, clock }: SessionDeps, tenantId: string): Session & { token: string } {
  const now = clock.date();
  const expiresAt = new Date(now.getTime() + sessionDays * 24 * 3_600_000);
  const token = prefix + randomBytes(32).toString('base64url');
  store.removeExpiredSessions(isoTime(now));
  store.pageSessions.insert({ TokenHash: hashOf(token), TenantId: tenantId, ExpiresAt: isoTime(expiresAt) });
  return { token, tenantId, expiresAt };
}

/** Returns the session of a token, or undefined if it is unknown or expired. */
export function findSession({ store, clock }: SessionDeps, token: string): Session | undefined {
  const session = store.pageSessions.find({ TokenHash: hashOf(token) });
  if (!session) return undefined;
  const expiresAt = new Date(session.ExpiresAt);
  return expiresAt > clock.date() ? { tenantId: session.TenantId, expiresAt } : undefined;
}

export function endSession({ store }: SessionDeps, token: string): void {
  store.pageSessions.remove({ TokenHash: hashOf(token) });
}

// A plain hash is enough for a long random token.
function hashOf(token: string): string {
  return hash('sha256', token, 'base64');
}
