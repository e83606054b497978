import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { isoTime } from '../core/time.ts';
import type { TokenEnds } from '../core/token-ends.ts';
import { type Claims, signatureHash, type Tokens } from '../core/tokens.ts';
import { findSession, isPageToken } from '../page/sessions.ts';
import type { SignInLinks } from '../page/sign-in-links.ts';
import { parseCallerIdentity } from '../sigv4/caller-identity.ts';
import type { Store } from '../store/store.ts';
import { forbidden, unauthorized } from './errors.ts';
import type { Principal, RouteOptions } from './route.ts';
import { findSigner } from './signed-requests.ts';

type SignerStore = Parameters<typeof findSigner>[1]['store'];

interface AuthenticationDeps {
  store: SignerStore &
    Pick<Store, 'runners' | 'runnerTokens' | 'settings' | 'turns' | 'pageSessions' | 'removeExpiredSessions'>;
  tokens: Tokens;
  signInLinks: SignInLinks;
  tokenEnds: TokenEnds;
  clock: Clock;
}

/** Returns the principal of a request. @throws HttpError 401 without a valid credential */
export function authenticate(
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
  { forGit = false, forContent = false }: Pick<RouteOptions, 'forGit' | 'forContent'>,
  deps: AuthenticationDeps,
): Principal {
  if (forContent) return checkUrl(query, deps);
  const { scheme, credential } = parseHeader(headers.authorization);
  // Browsers send it with every request, also with those of other sites, so no other route accepts it.
  if (forGit && scheme === 'basic') return checkToken(passwordOf(credential), deps);
  if (scheme === 'apitoken') return checkToken(credential, deps);
  if (scheme === 'signincode') return redeemCode(credential, deps);
  // The body of a route for git is not read, so its signature could not be checked.
  if (scheme === 'sts:getcalleridentity' && !forGit) return authenticateSigner(headers, credential, deps);
  if (scheme === 'aws4-hmac-sha256' || (scheme === '' && query.has('X-Amz-Signature')))
    throw unauthorized(
      'the call is signed itself; this server accepts a signed call of GetCallerIdentity, as p42-ctl sends it, or an APIToken',
    );
  throw unauthorized('the call needs an Authorization header with an APIToken');
}

const otherToken =
  'Create a token for a runner: plan42 server token create. Other clients use the tenantToken in admin.json of the data folder.';
const newLink = 'Print another link: plan42 server link';

/** The URL of a file's content is all that its holder has. @throws HttpError 401 */
function checkUrl(query: URLSearchParams, deps: AuthenticationDeps): Principal {
  const signature = query.get('signature') ?? '';
  const type = deps.tokens.verify(signature)?.principal_type;
  if (type === 'Upload' || type === 'Download') return checkToken(signature, deps);
  throw unauthorized('the URL has no valid signature; use an UploadURL or DownloadURL as the server returned it');
}

/** An access key of AWS cannot be verified here, but the tenant token that must accompany it can. */
function authenticateSigner(headers: IncomingHttpHeaders, credential: string, deps: AuthenticationDeps): Principal {
  const signer = findSigner(credential, deps);
  const delegating = parseHeader(headers['x-event-horizon-delegating-authorization']);
  if (signer && delegating.scheme === '') return signer;
  const principal = delegating.scheme === 'apitoken' ? checkToken(delegating.credential, deps) : undefined;
  if (principal?.kind === 'tenant') return signer ? { ...signer, tenantId: principal.tenantId } : principal;
  const orToken = 'Or send a tenant token as the delegated credential (APIToken)';
  if (parseCallerIdentity(credential) === undefined) {
    const form = 'a call of GetCallerIdentity, signed for the service sts and the host of its region, in base64';
    throw unauthorized(`the credential is not ${form}. ${orToken}`);
  }
  throw unauthorized(`the access key is not of this server. Create one: plan42 server access-key create. ${orToken}`);
}

function parseHeader(header: string | string[] | undefined): { scheme: string; credential: string } {
  const [scheme = '', credential = ''] = String(header ?? '')
    .trim()
    .split(/ +/);
  return { scheme: scheme.toLowerCase(), credential };
}

/** The password of HTTP Basic (RFC 7617). */
function passwordOf(credential: string): string {
  const text = Buffer.from(credential, 'base64').toString();
  return text.slice(text.indexOf(':') + 1);
}

// The code of a sign-in link is used up by the first call, even if that fails.
function redeemCode(code: string, { signInLinks }: AuthenticationDeps): Principal {
  const found = signInLinks.redeem(code);
  if (!found) throw unauthorized('the sign-in link was used before, or is too old', newLink);
  return { ...found, kind: 'signIn' };
}

/**
 * Only a runner token ends at a date. The tenant token is valid while it is the current one, and an agent token until its
 * turn is finished, so that a clock that is or was wrong locks no client out. "Not before" is not checked at all: this
 * server signs no token in advance, so such a time in the future only means that its clock was ahead.
 */
function checkToken(token: string, deps: AuthenticationDeps): Principal {
  const { store, tokens, clock } = deps;
  if (isPageToken(token)) return checkPageToken(token, deps);
  const claims = tokens.verify(token);
  if (!claims) throw unauthorized('the token is not of this server', otherToken);
  if (!isCurrent(claims, token, store)) throw unauthorized('the token is no longer valid', otherToken);
  const principal = principalOf(claims, store, clock.date().getTime());
  if (principal.kind === 'runner') {
    deps.tokenEnds.noteUse({ TenantID: principal.tenantId, RunnerID: principal.runnerId, TokenID: principal.tokenId });
  }
  const { expiresAt } = principal;
  const now = clock.date();
  if (expiresAt === undefined || now < expiresAt) return principal;
  const what = principal.kind === 'upload' || principal.kind === 'download' ? 'URL' : 'token';
  const remedy = what === 'URL' ? 'Ask for the URL again.' : 'Create another token: plan42 server token create';
  const times = `expired at ${isoTime(expiresAt)}; the clock of the server says ${isoTime(now)}`;
  throw unauthorized(`the ${what} ${times}`, principal.kind === 'agent' ? undefined : remedy);
}

function checkPageToken(token: string, deps: AuthenticationDeps): Principal {
  const session = findSession(deps, token);
  if (!session) throw unauthorized('the session of the web page has ended', newLink);
  return { ...session, kind: 'tenant', pageToken: token };
}

function isCurrent(
  claims: Claims,
  token: string,
  { settings, runners, runnerTokens }: AuthenticationDeps['store'],
): boolean {
  if (claims.principal_type === 'User') return settings.get('tenantToken') === token;
  if (claims.principal_type !== 'Runner') return true;
  const { sub: tenantId, runner_id: runnerId, jti: tokenId } = claims;
  const stored = runnerTokens.find({ TenantID: tenantId, RunnerID: runnerId, TokenID: tokenId });
  if (!stored || stored.Revoked || stored.SignatureHash !== signatureHash(token)) return false;
  return runners.find({ TenantId: tenantId, RunnerId: runnerId })?.Deleted === false;
}

// An agent that is stopped has jobs.stop_timeout for it, usually some seconds.
const lastPushMs = 120_000;

function principalOf(claims: Claims, { turns }: AuthenticationDeps['store'], now: number): Principal {
  const { sub: tenantId } = claims;
  const expiresAt = new Date(claims.exp * 1000);
  if (claims.principal_type === 'User') return { tenantId, kind: 'tenant' };
  if (claims.principal_type === 'Runner')
    return { tenantId, expiresAt, kind: 'runner', runnerId: claims.runner_id, tokenId: claims.jti };
  if (claims.principal_type === 'Upload' || claims.principal_type === 'Download') {
    const kind = claims.principal_type === 'Upload' ? 'upload' : 'download';
    return { tenantId, expiresAt, kind, fileId: claims.jti };
  }
  const { task_id: taskId, turn_index: turnIndex } = claims;
  const turn = turns.find({ TenantId: claims.sub, TaskId: taskId, TurnIndex: turnIndex });
  if (!turn) throw unauthorized('the token is for a turn that does not exist');
  const turnFinished = isTerminalStatus(turn.Status);
  const wasStopped = turn.Status === 'Failed' && turn.EndedBy !== 'Agent';
  const mayStillPush = wasStopped && Math.abs(now - Date.parse(turn.UpdatedAt)) < lastPushMs;
  return { tenantId, ...(turnFinished && { expiresAt }), kind: 'agent', taskId, turnIndex, turnFinished, mayStillPush };
}

/**
 * Checks that `principal` may use the route, and that the IDs in the path are its own. Routes with IDs elsewhere check
 * those themselves.
 * @throws HttpError 403; 401 for an agent whose turn is finished, because its token is no longer valid
 */
export function authorise(
  principal: Principal,
  { access, allTenants, afterTurn, afterCancel }: RouteOptions,
  params: Readonly<Record<string, string | undefined>>,
): void {
  if (!access.includes(principal.kind))
    throw forbidden(`a token of this kind (${principal.kind}) may not make this call`);
  const isAll = allTenants && ['*', '_'].includes(params['tenantId'] ?? '');
  if (!isAll) requireOwn('tenant', params['tenantId'], principal.tenantId);
  if (principal.kind === 'runner') requireOwn('runner', params['runnerId'], principal.runnerId);
  if (principal.kind === 'upload' || principal.kind === 'download')
    requireOwn('file', params['fileId'], principal.fileId);
  if (principal.kind !== 'agent') return;
  requireOwn('task', params['taskId'], principal.taskId);
  requireOwn('turn', params['turnIndex'], String(principal.turnIndex));
  if (afterTurn || (afterCancel && principal.mayStillPush)) return;
  if (principal.turnFinished) throw unauthorized('the turn is finished, so its token is no longer valid');
}

function requireOwn(what: string, named: string | undefined, own: string): void {
  if (named !== undefined && named !== own) throw forbidden(`the token is for another ${what}`);
}
