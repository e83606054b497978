import type { SentRequest } from './canonical-request.ts';

export interface EmbeddedRequest extends SentRequest {
  body: Buffer;
}

const requestLine = /^([A-Z]{1,20}) (\/[!-~]*) HTTP\/1\.1$/;
const headerLine = /^([\w!#$%&'*+.^`|~-]+):([\t\x20-\x7e]*)$/;

/**
 * Reads a whole HTTP/1.1 request, as Go writes it: with a body of a given length, or in chunks.
 * Returns undefined for anything else: its parts are signed, so nothing is guessed.
 */
export function parseEmbeddedRequest(bytes: Buffer): EmbeddedRequest | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const [, method, target = ''] = requestLine.exec(first) ?? [];
  const headers = headersOf(lines);
  if (method === undefined || headers === undefined) return undefined;
  const body = bodyOf(headers, bytes.subarray(end + 4));
  const [path = '', query = ''] = target.split(/\?(.*)/s);
  return body && { method, path, query, headers, body };
}

function headersOf(lines: readonly string[]): Map<string, string[]> | undefined {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value = ''] = headerLine.exec(line) ?? [];
    if (name === undefined) return undefined;
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), value.trim()]);
  }
  return headers;
}

function bodyOf(headers: ReadonlyMap<string, readonly string[]>, rest: Buffer): Buffer | undefined {
  const length = headers.get('content-length')?.join(',');
  const encoding = headers.get('transfer-encoding')?.join(',');
  if (encoding !== undefined) return encoding === 'chunked' && length === undefined ? joinChunks(rest) : undefined;
  return (length ?? '0') === String(rest.length) ? rest : undefined;
}

function joinChunks(rest: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    const size = /^[\da-fA-F]{1,6}$/.exec(rest.toString('latin1', at, Math.max(at, lineEnd)))?.[0];
    if (size === undefined) return undefined;
    const from = lineEnd + 2;
    const to = from + Number.parseInt(size, 16);
    if (rest.toString('latin1', to, to + 2) !== '\r\n') return undefined;
    if (to === from) return to + 2 === rest.length ? Buffer.concat(chunks) : undefined;
    chunks.push(rest.subarray(from, to));
    at = to + 2;
  }
}
