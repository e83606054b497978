import type { Dispatcher } from 'undici';
import * as v from 'valibot';
import type { Connection } from '../config/schema.ts';
import { silentLogger } from '../lib/logger.ts';
import { version } from '../lib/version.ts';
import { withCaller } from './caller.ts';
import { GithubError } from './errors.ts';

export interface CheckTokenOptions {
  /** As of `createTransport({ caFile, env })`; stays the caller's. */
  transport: Dispatcher;
  signal?: AbortSignal;
  /** How long the caller waits; 10 s unless told. */
  timeoutMs?: number;
}

export interface GithubTokenInfo {
  /** Whose token it is. */
  login: string;
  /** Undefined for fine-grained tokens, which have permissions instead that GitHub does not tell. */
  scopes: string[] | undefined;
  /** Undefined if the token does not expire, or the server does not say. */
  expiresAt: Date | undefined;
}

/**
 * Asks GitHub whose token a connection has, and what it may do.
 * @throws GithubError in one line: no token, refused (`status` 401), not reachable, rate limit; the signal's reason
 */
export async function checkGithubToken(
  { url, token, connectionId, name }: Connection,
  { transport, signal, timeoutMs = 10_000 }: CheckTokenOptions,
): Promise<GithubTokenInfo> {
  if (!token) throw new GithubError(`missing github token for connection ${connectionId ?? name ?? url.href}`);
  const { GithubClient } = await import('./client.ts');
  const options = { connection: { url, token }, transport, logger: silentLogger, userAgent: `plan42/${version}` };
  const client = new GithubClient(options);
  const { data, headers } = await withCaller(timeoutMs, signal, (caller) => client.get('/user', {}, User, caller));
  return {
    login: data.login,
    scopes: listOf(headers['x-oauth-scopes']),
    expiresAt: dateOf(headers['github-authentication-token-expiration']),
  };
}

const User = v.object({ login: v.string() });

function listOf(header: string | number | undefined): string[] | undefined {
  if (header === undefined) return undefined;
  const items = String(header).split(',');
  return items.map((item) => item.trim()).filter((item) => item !== '');
}

// As in "2027-01-31 09:30:00 UTC".
function dateOf(header: string | number | undefined): Date | undefined {
  const date = new Date(String(header ?? ''));
  return Number.isNaN(date.getTime()) ? undefined : date;
}
