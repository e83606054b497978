/** Requests signed with an access key of this server. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import type { AccessKey } from '../../plan42/objects.ts';
import { noteAccessKeyUse } from '../core/access-keys.ts';
import { isoTime } from '../core/time.ts';
import {
  type CallerIdentity,
  hasSessionToken,
  isIdentityOf,
  parseCallerIdentity,
  signedAt,
} from '../sigv4/caller-identity.ts';
import { listHeaderName, requestHashes, unlistedHeader } from '../sigv4/request-hash.ts';
import { isSameHex } from '../sigv4/signature.ts';
import type { Store } from '../store/store.ts';
import { unauthorized } from './errors.ts';
import type { Principal, RouteOptions } from './route.ts';

interface SignatureDeps {
  store: Pick<Store, 'accessKeys' | 'accessKeySecrets' | 'transaction'>;
  clock: Clock;
}

/** How far the clocks of client and server may differ, as with AWS. */
const maxSkewMs = 5 * 60_000;

/**
 * Returns the principal of a credential that was made with an access key of this server; undefined for other credentials.
 * The request itself is checked by {@link checkSignedRequest}, when its body was read.
 * @throws HttpError 401 if the key is revoked, or the signature wrong or old
 */
export function findSigner(credential: string, deps: SignatureDeps): Principal | undefined {
  const identity = parseCallerIdentity(credential);
  const key = identity && deps.store.accessKeys.find({ AccessKeyID: identity.signed.accessKeyId });
  if (!key) return undefined;
  verify(identity, key, deps);
  noteAccessKeyUse(deps, key);
  const { requestHash, signed } = identity;
  const signedRequest = { accessKeyId: key.AccessKeyID, requestHash, signature: signed.signature };
  return { kind: 'tenant', tenantId: key.TenantID, signedRequest };
}

function verify(identity: CallerIdentity, key: AccessKey, { store, clock }: SignatureDeps): void {
  if (hasSessionToken(identity))
    throw unauthorized('an access key of this server has no session token; unset AWS_SESSION_TOKEN');
  const secret = key.Revoked ? undefined : store.accessKeySecrets.reveal(key);
  if (secret === undefined)
    throw unauthorized('the access key was revoked', 'Create another one: plan42 server access-key create');
  if (!isIdentityOf(secret, identity))
    throw unauthorized('the signature was made with another secret; check AWS_SECRET_ACCESS_KEY');
  const time = signedAt(identity);
  const now = clock.date();
  if (Math.abs(now.getTime() - time.getTime()) <= maxSkewMs) return;
  const at = Number.isNaN(time.getTime()) ? identity.amzDate : isoTime(time);
  const remedy = 'Set the clocks of both machines: a request is valid for 5 minutes.';
  throw unauthorized(`the request was signed at ${at}, but the clock of the server says ${isoTime(now)}`, remedy);
}

interface CheckDeps {
  store: Pick<Store, 'usedSignatures'>;
  clock: Clock;
  /** The URL of the server for clients, which a proxy in front of it may have replaced. */
  url: string;
}

/**
 * Checks that the identity of the principal was made for this very request, and not used before to change something.
 * @throws HttpError 401
 */
export function checkSignedRequest(
  principal: Principal,
  { repeatable = false }: Pick<RouteOptions, 'repeatable'>,
  request: Pick<IncomingMessage, 'method' | 'url' | 'headersDistinct'>,
  body: Uint8Array,
  { store, clock, url }: CheckDeps,
): void {
  const signed = principal.kind === 'tenant' ? principal.signedRequest : undefined;
  if (!signed) return;
  const { method = '', headersDistinct } = request;
  const headers = new Map(Object.entries(headersDistinct).map(([name, values]) => [name, values ?? []]));
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
  const publicUrl = new URL(url);
  const unlisted = unlistedHeader(headers);
  if (unlisted !== undefined) {
    const remedy = `Add it to ${listHeaderName}, and sign the request with it.`;
    throw unauthorized(`the signature is for another request: it does not cover the header ${unlisted}`, remedy);
  }
  const hosts = [headers.get('host')?.[0] ?? '', publicUrl.host].flatMap((host) => hostForms(host, publicUrl.protocol));
  const paths = [path, publicUrl.pathname.replace(/\/$/, '') + path];
  const hashes = [...new Set(paths)].flatMap((sent) =>
    [...new Set(hosts)].flatMap((host) => requestHashes({ method, path: sent, query, headers }, host, body)),
  );
  if (!hashes.some((hash) => isSameHex(hash, signed.requestHash))) {
    const remedy = 'If a proxy changes requests, start the server with --public-url.';
    throw unauthorized('the signature is for another request', remedy);
  }
  const isRead = method === 'GET' || method === 'HEAD' || repeatable;
  if (isRead) return;
  const isNew = store.usedSignatures.use(signed.signature, { now: clock.date(), validMs: 2 * maxSkewMs });
  if (!isNew) {
    const remedy = 'To repeat the request, sign it again, at least a second later.';
    throw unauthorized('the signature was used before', remedy);
  }
}

/** Returns a host as clients write it: in any capitals, and with or without the port that the scheme implies. */
function hostForms(host: string, protocol: string): string[] {
  const port = protocol === 'https:' ? ':443' : ':80';
  const name = host.toLowerCase();
  const other = name.endsWith(port) ? name.slice(0, -port.length) : `${name}${port}`;
  return [host, name, other];
}
