import type { Dispatcher } from 'undici';
import * as v from 'valibot';
import type { Connection } from '../config/schema.ts';
import { silentLogger } from '../lib/logger.ts';
import { version } from '../lib/version.ts';
import { withCaller } from './caller.ts';
import { GithubClient } from './client.ts';
import { GithubError } from './errors.ts';

export interface CheckTokenOptions {
  /** Made by `createTransport({ caFile, env })`. The caller closes it. */
  transport: Dispatcher;
  signal?: AbortSignal;
  /** Defaults to 10 s. */
  timeoutMs?: number;
}

export interface GithubTokenInfo {
  /** The user who owns the token. */
  login: string;
  /** Undefined for fine-grained tokens, whose permissions GitHub does not report. */
  scopes: string[] | undefined;
  /** Undefined if the token does not expire or the server does not report it. */
  expiresAt: Date | undefined;
}

/**
 * Fetches owner, scopes and expiry of a connection's token.
 * @throws GithubError if the token is missing or rejected (`status` 401), GitHub is unreachable or limits the rate; the signal's reason
 */
export async function checkGithubToken(
  { url, token, connectionId, name }: Connection,
  { transport, signal, timeoutMs = 10_000 }: CheckTokenOptions,
): Promise<GithubTokenInfo> {
  if (!token) throw new GithubError(`missing github token for connection ${connectionId ?? name ?? url.href}`);
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

// Required of a classic token to clone, push and list organisations.
const neededScopes = ['repo', 'read:org'];

/** Returns the scopes that a classic token lacks for the runner and its agents. */
export function missingScopes(scopes: readonly string[]): string[] {
  return neededScopes.filter((scope) => !isImplied(scope, scopes));
}

function isImplied(scope: string, scopes: readonly string[]): boolean {
  return scopes.includes(scope) || (scope === 'read:org' && ['write:org', 'admin:org'].some((s) => scopes.includes(s)));
}
