import * as v from 'valibot';
import { parseJson } from '../lib/json.ts';
import { isPathSegment } from './path-segment.ts';
import { hasExpired } from './token-end.ts';

const seconds = v.pipe(v.number(), v.integer());

const Claims = v.looseObject({
  sub: v.optional(v.string()),
  runner_id: v.optional(v.string()),
  exp: v.optional(seconds),
  nbf: v.optional(seconds),
});

/** The claims of a runner token. Only the server can verify the signature. */
export interface RunnerToken {
  tenantId: string;
  runnerId: string;
  expiresAt: Date | undefined;
  notBefore: Date | undefined;
}

/** Why a token is invalid. The message never contains any part of the token. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

const prefix = 'p42r_';

/**
 * Parses a runner token: `p42r_` and a JWT (RFC 7519) in compact form. Does not check whether it has expired: see
 * `requireUnexpired`.
 * @throws TokenError if it is malformed, or has no tenant or runner ID
 */
export function parseRunnerToken(token: string): RunnerToken {
  if (/^["'\s\ufeff]|["'\s]$/.test(token)) throw new TokenError('it begins or ends with a quote or white space');
  if (/\s/.test(token)) throw new TokenError('it contains a space or a line break');
  if (!token.startsWith(prefix)) throw new TokenError(`it does not start with "${prefix}"`);
  const parts = token.slice(prefix.length).split('.');
  if (parts.length !== 3) throw new TokenError(`a JWT has 3 parts, this has ${parts.length}`);
  const [header = '', payload = '', signature = ''] = parts;
  parsePart('header', header);
  const claims = parsePart('payload', payload);
  if (!isBase64url(signature) || signature === '') throw new TokenError('its signature is not base64url');
  const result = v.safeParse(Claims, claims);
  if (!result.success) {
    throw new TokenError(`its claim "${v.getDotPath(result.issues[0]) ?? ''}" has the wrong type`);
  }
  return checkClaims(result.output);
}

/** @throws TokenError if the token has expired at `now`, with a leeway for clocks that differ a little */
export function requireUnexpired({ expiresAt }: RunnerToken, now: Date): void {
  if (expiresAt === undefined || !hasExpired(expiresAt, now)) return;
  throw new TokenError(`it expired at ${expiresAt.toISOString()}`);
}

function checkClaims(claims: v.InferOutput<typeof Claims>): RunnerToken {
  if (!claims.sub) throw new TokenError('it has no tenant ID (claim "sub")');
  if (!claims.runner_id) throw new TokenError('it has no runner ID (claim "runner_id")');
  if (!isPathSegment(claims.sub) || !isPathSegment(claims.runner_id)) throw new TokenError('one of its IDs is invalid');
  return {
    tenantId: claims.sub,
    runnerId: claims.runner_id,
    expiresAt: dateOf(claims.exp),
    notBefore: dateOf(claims.nbf),
  };
}

function dateOf(epochSeconds: number | undefined): Date | undefined {
  if (epochSeconds === undefined) return undefined;
  const date = new Date(epochSeconds * 1000);
  if (Number.isNaN(date.getTime())) throw new TokenError('one of its times is out of range');
  return date;
}

function parsePart(name: string, part: string): object {
  if (!isBase64url(part)) throw new TokenError(`its ${name} is not base64url`);
  let value: unknown;
  try {
    value = parseJson(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    throw new TokenError(`its ${name} is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TokenError(`its ${name} is not a JSON object`);
  }
  return value;
}

function isBase64url(part: string): boolean {
  // No encoding has a length of one more than a multiple of four.
  return /^[\w-]*$/.test(part) && part.length % 4 !== 1;
}
