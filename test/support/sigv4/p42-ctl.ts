/**
 * A client that signs its requests as `p42-ctl` does: a call of AWS's GetCallerIdentity, signed by the library aws4, with
 * a hash of the request in one of its headers.
 */
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import aws4 from 'aws4';
import type { Json } from '../json.ts';

export interface P42CtlOptions {
  url: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  region?: string;
  service?: string;
  host?: string;
  /** When it signs. */
  date?: Date;
}

export interface P42CtlCall {
  method: string;
  /** With the query. */
  path: string;
  body?: object | string;
  headers?: Record<string, string>;
}

export interface SignedCall {
  method: string;
  path: string;
  body: string | undefined;
  headers: Record<string, string>;
}

const sha256 = (data: string) => createHash('sha256').update(data).digest('hex');

/** The hash as the client computes it: AWS's canonical form, without the empty line after the headers. */
function hashOf({ method, path, headers, body = '' }: SignedCall, host: string): string {
  const { pathname, searchParams } = new URL(path, 'http://x');
  searchParams.sort();
  const query = searchParams.toString().replaceAll('+', '%20').replaceAll('*', '%2A').replaceAll('%7E', '~');
  const hashed: Record<string, string> = {
    host,
    ...(body !== '' && { 'content-length': `${Buffer.byteLength(body)}` }),
  };
  for (const [name, value] of Object.entries(headers)) hashed[name.toLowerCase()] = value;
  const names = Object.keys(hashed).toSorted();
  const lines = names.map((name) => `${name}:${hashed[name]}\n`).join('');
  return sha256(`${method}\n${pathname}\n${query}\n${lines}${names.join(';')}\n${sha256(body)}`);
}

/** Returns the call with the headers of the client. */
export function signCall(options: P42CtlOptions, call: P42CtlCall): SignedCall {
  const { url, accessKeyId, secretAccessKey, sessionToken, region = 'plan42', service = 'sts' } = options;
  const body = typeof call.body === 'object' ? JSON.stringify(call.body) : call.body;
  const headers: Record<string, string> = {
    Accept: 'application/json',
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
    ...call.headers,
  };
  const listHeader = 'X-Event-Horizon-Signed-Headers';
  headers[listHeader] = [...Object.keys(headers), listHeader].toSorted().join(';');
  const { method, path } = call;
  const date = (options.date ?? new Date()).toISOString().replaceAll(/[:-]|\.\d+/g, '');
  const identity = {
    method: 'POST',
    path: '/',
    host: `sts.${region}.amazonaws.com`,
    service,
    region,
    body: 'Action=GetCallerIdentity&Version=2011-06-15\r\n',
    headers: {
      Accept: 'application/json',
      'Content-Type': 'application/x-www-form-urlencoded',
      'X-Amz-Date': date,
      'X-Event-Horizon-Request-Hash': hashOf({ method, path, headers, body }, options.host ?? new URL(url).host),
    },
  };
  const signed = aws4.sign(identity, { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) });
  const lines = Object.entries(signed.headers ?? {}).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  const raw = `POST / HTTP/1.1\r\n${lines.join('')}\r\n${identity.body}`;
  headers['Authorization'] = `sts:GetCallerIdentity ${Buffer.from(raw).toString('base64')}`;
  return { method, path, body, headers };
}

/** Sends a call. One that writes without a body is sent in chunks, as by Go. */
export async function sendCall(
  url: string,
  { method, path, body, headers }: SignedCall,
): Promise<{ status: number; body: Json }> {
  const chunked = body === undefined && method !== 'GET' ? { 'transfer-encoding': 'chunked' } : {};
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Json }>();
  const outgoing = request(url + path, { method, headers: { ...headers, ...chunked, ...length } }, (response) => {
    text(response).then((content) => {
      const isJson = response.headers['content-type']?.startsWith('application/json');
      resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(content) : content });
    }, reject);
  });
  outgoing.on('error', reject).end(body);
  return promise;
}

export async function p42Ctl(options: P42CtlOptions, call: P42CtlCall): Promise<{ status: number; body: Json }> {
  return sendCall(options.url, signCall(options, call));
}
