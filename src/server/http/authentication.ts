import type { IncomingHttpHeaders } from 'node:http';
import { isTerminalStatus } from '../../plan42/objects/turn-status.ts';
import type { Clock } from '../core/time.ts';
import { type Claims, signatureHash, type Tokens } from '../core/tokens.ts';
import { findSession, isPageToken } from '../page/sessions.ts';
import type { SignInLinks } from '../page/sign-in-links.ts';
import type { Store } from '../store/store.ts';
import { unauthorized } from './errors.ts';
import type { Principal } from './principal.ts';

interface AuthenticationParts {
  store: Pick<Store, 'runners' | 'runnerTokens' | 'settings' | 'turns' | 'pageSessions'>;
  tokens: Tokens;
  signInLinks: SignInLinks;
  clock: Clock;
}

/** Finds out who is calling. @throws HttpError 401 without a credential that is valid now. */
export function authenticate(headers: IncomingHttpHeaders, parts: AuthenticationParts): Principal {
  const { scheme, credential } = parseHeader(headers.authorization);
  if (scheme === 'apitoken') return checkToken(credential, parts);
  if (scheme === 'signincode') return redeemCode(credential, parts);
  // Such a caller proves to AWS who it is, which can't be checked here; the tenant's token that it must add can.
  if (scheme === 'sts:getcalleridentity') {
    const delegating = parseHeader(headers['x-event-horizon-delegating-authorization']);
    const principal = delegating.scheme === 'apitoken' ? checkToken(delegating.credential, parts) : undefined;
    if (principal?.kind === 'tenant') return principal;
    throw unauthorized('this server needs a tenant token as the delegated credential (APIToken)');
  }
  throw unauthorized('the call needs an Authorization header with an APIToken');
}

function parseHeader(header: string | string[] | undefined): { scheme: string; credential: string } {
  const [scheme = '', credential = ''] = String(header ?? '')
    .trim()
    .split(/ +/);
  return { scheme: scheme.toLowerCase(), credential };
}

// The code of a sign-in link. It is good for one call, also for one that fails.
function redeemCode(code: string, { signInLinks }: AuthenticationParts): Principal {
  const found = signInLinks.redeem(code);
  if (!found) throw unauthorized('the sign-in link was used before, or is too old');
  return { ...found, kind: 'signIn' };
}

function checkToken(token: string, parts: AuthenticationParts): Principal {
  const { store, tokens, clock } = parts;
  if (isPageToken(token)) return checkPageToken(token, parts);
  const claims = tokens.verify(token);
  if (!claims) throw unauthorized('unknown token');
  const now = clock().getTime();
  if (now >= claims.exp * 1000) throw unauthorized('the token has expired');
  if (now < claims.nbf * 1000) throw unauthorized('the token is not valid yet');
  if (!isCurrent(claims, token, store)) throw unauthorized('the token is no longer valid');
  return principalOf(claims, store);
}

function checkPageToken(token: string, parts: AuthenticationParts): Principal {
  const session = findSession(parts, token);
  if (!session) throw unauthorized('the session at the web page is over');
  return { ...session, kind: 'tenant', pageToken: token };
}

function isCurrent(
  claims: Claims,
  token: string,
  { settings, runners, runnerTokens }: AuthenticationParts['store'],
): boolean {
  if (claims.principal_type === 'User') return settings.get('tenantToken') === token;
  if (claims.principal_type === 'Agent') return true;
  const { sub: tenantId, runner_id: runnerId, jti: tokenId } = claims;
  const stored = runnerTokens.find({ TenantID: tenantId, RunnerID: runnerId, TokenID: tokenId });
  if (!stored || stored.Revoked || stored.SignatureHash !== signatureHash(token)) return false;
  return runners.find({ TenantId: tenantId, RunnerId: runnerId })?.Deleted === false;
}

function principalOf(claims: Claims, { turns }: AuthenticationParts['store']): Principal {
  const common = { tenantId: claims.sub, expiresAt: new Date(claims.exp * 1000) };
  if (claims.principal_type === 'User') return { ...common, kind: 'tenant' };
  if (claims.principal_type === 'Runner')
    return { ...common, kind: 'runner', runnerId: claims.runner_id, tokenId: claims.jti };
  const { task_id: taskId, turn_index: turnIndex } = claims;
  const turn = turns.find({ TenantId: claims.sub, TaskId: taskId, TurnIndex: turnIndex });
  if (!turn) throw unauthorized('the token is for a turn that does not exist');
  return { ...common, kind: 'agent', taskId, turnIndex, turnIsOver: isTerminalStatus(turn.Status) };
}
