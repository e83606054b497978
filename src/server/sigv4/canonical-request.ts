import { hash } from 'node:crypto';

/** A request as it was sent. */
export interface SentRequest {
  method: string;
  /** Percent-encoded, and used as it is. */
  path: string;
  /** Percent-encoded, without the question mark. */
  query: string;
  /** The values of each header, by its name in lower case. */
  headers: ReadonlyMap<string, readonly string[]>;
}

/**
 * Returns the canonical form of a request, which AWS Signature Version 4 signs.
 * Source: docs.aws.amazon.com, IAM User Guide, "Create a signed AWS API request", step 1. Paths are not normalised.
 * @param signedHeaders names in lower case, in order
 * @param afterHeaders an empty line with AWS
 */
export function canonicalRequest(
  request: SentRequest,
  signedHeaders: readonly string[],
  bodyHash: string,
  afterHeaders = '\n',
): string {
  const { method, path, query, headers } = request;
  const lines = signedHeaders.map((name) => `${name}:${(headers.get(name) ?? []).map(canonicalValue).join(',')}\n`);
  const head = lines.join('') + afterHeaders + signedHeaders.join(';');
  return [method, path, canonicalQuery(query), head, bodyHash].join('\n');
}

export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

function canonicalValue(value: string): string {
  return value.trim().replaceAll(/ +/g, ' ');
}

function canonicalQuery(query: string): string {
  const pairs = [...new URLSearchParams(query)].map(([name, value]) => [encode(name), encode(value)] as const);
  const order = (a: string, b: string) => (a < b ? -1 : Number(a > b));
  return pairs
    .toSorted(([nameA, valueA], [nameB, valueB]) => order(nameA, nameB) || order(valueA, valueB))
    .map((pair) => pair.join('='))
    .join('&');
}

function encode(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed());
  return encoded.replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
