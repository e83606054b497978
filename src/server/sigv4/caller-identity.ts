/**
 * The credential of `p42-ctl`: a call of AWS's `GetCallerIdentity` that it signed and did not make, in base64. A header of
 * that call has a hash of the request that carries it.
 */
import { sha256Hex } from './canonical-request.ts';
import { type EmbeddedRequest, parseEmbeddedRequest } from './embedded-request.ts';
import { isSignedBy, parseSignature, type Signature } from './signature.ts';

export interface CallerIdentity {
  call: EmbeddedRequest;
  signed: Signature;
  /** As `20150830T123600Z`. */
  amzDate: string;
  /** The hash of the request that carries the identity, in hexadecimal. */
  requestHash: string;
}

// The names of different releases.
const hashHeaders = ['x-event-horizon-request-hash', 'x-eventhorizon-request-hash'];
const action = /^Action=GetCallerIdentity&Version=2011-06-15(\r\n)?$/;

/** Returns undefined for anything but a signed call of GetCallerIdentity. The signature is not checked. */
export function parseCallerIdentity(base64: string): CallerIdentity | undefined {
  const call = parseEmbeddedRequest(Buffer.from(base64, 'base64'));
  if (call?.method !== 'POST' || call.path !== '/' || call.query !== '') return undefined;
  const single = (name: string) => (call.headers.get(name)?.length === 1 ? call.headers.get(name)?.[0] : undefined);
  const signed = parseSignature(single('authorization') ?? '');
  const amzDate = single('x-amz-date') ?? '';
  const hashHeader = hashHeaders.find((name) => call.headers.has(name)) ?? '';
  const requestHash = single(hashHeader) ?? '';
  if (!signed || !/^\d{8}T\d{6}Z$/.test(amzDate) || !/^[\da-f]{64}$/.test(requestHash)) return undefined;
  const isScope = signed.service === 'sts' && amzDate.startsWith(signed.date);
  const isHost = single('host') === `sts.${signed.region}.amazonaws.com`;
  const isBound = ['host', 'x-amz-date', hashHeader].every((name) => signed.signedHeaders.includes(name));
  if (!isScope || !isHost || !isBound || !action.test(call.body.toString('latin1'))) return undefined;
  return { call, signed, amzDate, requestHash };
}

/** Whether the identity has a session token, which only AWS can check. */
export function hasSessionToken({ call }: CallerIdentity): boolean {
  return call.headers.has('x-amz-security-token');
}

export function isIdentityOf(secret: string, { call, signed, amzDate }: CallerIdentity): boolean {
  return isSignedBy(secret, signed, call, { amzDate, bodyHash: sha256Hex(call.body) });
}

/** Returns the time of the signature; an invalid date if there is no such time. */
export function signedAt({ amzDate }: CallerIdentity): Date {
  return new Date(amzDate.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
