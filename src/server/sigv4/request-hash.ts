import { canonicalRequest, type SentRequest, sha256Hex } from './canonical-request.ts';

// The names of different releases.
const listHeaders = ['x-event-horizon-signed-headers', 'x-eventhorizon-signedheaders'];
// Signers leave these out, because proxies change them.
const neverHashed = new Set(['authorization', 'user-agent', 'x-amzn-trace-id', 'expect']);
// They change the meaning of a request, so that an unsigned one must not be added on its way.
const alwaysHashed = ['content-type', 'if-match', 'last-event-id'];

/**
 * Returns the hashes of which the identity of a caller must contain one for this request: of its canonical form, with the
 * headers that the request lists. `p42-ctl` has no empty line after the headers, unlike AWS. Returns none if the list is
 * missing, or leaves out what it must not.
 */
export function requestHashes(request: SentRequest, host: string, body: Uint8Array): string[] {
  const { headers } = request;
  const listHeader = listHeaders.find((name) => headers.has(name));
  const list = listHeader === undefined ? undefined : headers.get(listHeader);
  if (listHeader === undefined || list?.length !== 1) return [];
  const listed = new Set(list[0]?.toLowerCase().split(';'));
  const isComplete = [listHeader, ...alwaysHashed].every((name) => listed.has(name) || !headers.has(name));
  if (!isComplete) return [];
  const hashed = new Map<string, readonly string[]>([['host', [host]]]);
  if (body.length > 0) hashed.set('content-length', [String(body.length)]);
  for (const name of listed) {
    const values = headers.get(name);
    if (values && !neverHashed.has(name) && !hashed.has(name) && name !== 'content-length') hashed.set(name, values);
  }
  const names = [...hashed.keys()].toSorted();
  const canonical = { ...request, headers: hashed };
  return ['', '\n'].map((end) => sha256Hex(canonicalRequest(canonical, names, sha256Hex(body), end)));
}
