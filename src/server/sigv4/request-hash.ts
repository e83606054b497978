import { canonicalRequest, type SentRequest, sha256Hex } from './canonical-request.ts';

// The names of different releases.
const listHeaders = ['x-event-horizon-signed-headers', 'x-eventhorizon-signedheaders'];
/** The header that lists those that are signed, in the form of the current release. */
export const listHeaderName = 'X-Event-Horizon-Signed-Headers';
// Signers leave these out, because proxies change them.
const neverHashed = new Set(['authorization', 'user-agent', 'x-amzn-trace-id', 'expect']);
// They change the meaning of a request, so that an unsigned one must not be added on its way.
const alwaysHashed = ['Content-Type', 'If-Match', 'Last-Event-ID'];

/**
 * Returns the hashes of which the identity of a caller must contain one for this request: of its canonical form, with the
 * headers that the request lists. `p42-ctl` has no empty line after the headers, unlike AWS. Returns none if the list is
 * missing, or leaves out what it must not.
 */
export function requestHashes(request: SentRequest, host: string, body: Uint8Array): string[] {
  const { headers } = request;
  const listed = listedHeaders(headers);
  if (listed === undefined || unlistedHeader(headers) !== undefined) return [];
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

type Headers = SentRequest['headers'];

/** Returns a header that the request must list and does not, such as the list itself; undefined if there is none. */
export function unlistedHeader(headers: Headers): string | undefined {
  const listed = listedHeaders(headers);
  if (listed === undefined) return listHeaderName;
  return alwaysHashed.find((name) => headers.has(name.toLowerCase()) && !listed.has(name.toLowerCase()));
}

/** Returns the names in the list, in lower case; undefined without exactly one list that names itself. */
function listedHeaders(headers: Headers): Set<string> | undefined {
  const name = listHeaders.find((each) => headers.has(each)) ?? '';
  const lists = headers.get(name) ?? [];
  const listed = new Set(lists[0]?.toLowerCase().split(';'));
  return lists.length === 1 && listed.has(name) ? listed : undefined;
}
