import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, request } from 'undici';
import * as v from 'valibot';
import { untrustedCodes } from '../lib/authorities.ts';
import { TimeoutError } from '../lib/deadline.ts';
import { errorCode, formatError } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import { readText, TextReader } from '../lib/read-body.ts';
import { trimEnd } from '../lib/trim-end.ts';
import { ApiError, ConnectionError, parseErrorResponse, UnsendableError } from './errors.ts';
import { PollReader } from './poll-body.ts';
import { type BodyReader, sendRequest } from './send-request.ts';
import { maxResponseBytes, proxyRefusal } from './transport.ts';

export interface ApiCall {
  method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Relative to the server's URL, percent-encoded, with the query. */
  path: string;
  body?: unknown;
  ifMatch?: number;
  timeoutMs?: number;
  headers?: Readonly<Record<string, string>> | undefined;
  signal?: AbortSignal | undefined;
}

export interface ApiEndpoint {
  transport: Dispatcher;
  baseUrl: URL;
  token: string;
  userAgent: string;
  /** Sent with every call, for our own server. */
  headers?: Readonly<Record<string, string>>;
}

const defaultTimeoutMs = 15_000;

/**
 * Makes one call and returns its JSON, checked against `schema`.
 * @throws ApiError for a 4xx or 5xx response; ConnectionError without a usable response; UnsendableError if it cannot be
 *   sent at all; the signal's reason if aborted
 */
export async function callApi<const Schema extends v.GenericSchema>(
  endpoint: ApiEndpoint,
  call: ApiCall,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  return (await callApiWithDate(endpoint, call, schema)).data;
}

/** As {@link callApi}, with the `Date` header, which is the time on the server's clock. */
export async function callApiWithDate<const Schema extends v.GenericSchema>(
  endpoint: ApiEndpoint,
  call: ApiCall,
  schema: Schema,
): Promise<{ data: v.InferOutput<Schema>; date: string | undefined }> {
  const { text, date } = await send(endpoint, call, (headers) => {
    const reader = new TextReader(maxResponseBytes);
    return {
      add: (chunk) => reader.add(chunk),
      end: (failure) => ({ text: reader.end(failure), date: headers['date']?.toString() }),
    };
  });
  let json: unknown;
  try {
    json = text === '' ? undefined : parseJson(text);
  } catch (error) {
    throw new ConnectionError(call, `the response is ${formatError(error)}`);
  }
  const result = v.safeParse(schema, json);
  if (result.success) return { data: result.output, date };
  throw new ConnectionError(
    call,
    `the response has the wrong shape (${v.getDotPath(result.issues[0]) ?? 'top level'})`,
  );
}

/** Makes a call that polls for messages, and returns those that can be read: see {@link PollReader}. @throws like {@link callApi} */
export function pollApi(endpoint: ApiEndpoint, call: ApiCall): Promise<unknown[]> {
  return send(endpoint, call, () => new PollReader());
}

async function send<T>(
  endpoint: ApiEndpoint,
  call: ApiCall,
  createReader: (headers: IncomingHttpHeaders) => BodyReader<T>,
): Promise<T> {
  const { method, signal, timeoutMs = defaultTimeoutMs } = call;
  const request = { transport: endpoint.transport, method, ...prepare(endpoint, call), timeoutMs, signal };
  try {
    return await sendRequest(request, (statusCode, headers) =>
      statusCode < 300 ? createReader(headers) : new FailureReader(call, statusCode, headers),
    );
  } catch (error) {
    if (error instanceof ApiError) throw error;
    signal?.throwIfAborted();
    if (unsendable.test(errorCode(error) ?? '')) throw new UnsendableError(call, formatError(error), { cause: error });
    if (error instanceof TimeoutError) throw new ConnectionError(call, error.message, { cause: error });
    throw new ConnectionError(call, explainFailure(error), { cause: error });
  }
}

/** Reads a response that is no success. */
class FailureReader implements BodyReader<never> {
  readonly #call: ApiCall;
  readonly #statusCode: number;
  readonly #headers: IncomingHttpHeaders;
  readonly #text = new TextReader(maxResponseBytes);

  constructor(call: ApiCall, statusCode: number, headers: IncomingHttpHeaders) {
    this.#call = call;
    this.#statusCode = statusCode;
    this.#headers = headers;
  }

  add(chunk: Uint8Array): void {
    this.#text.add(chunk);
  }

  end(failure?: { error: unknown }): never {
    const text = this.#text.end(failure);
    // The API never redirects, but a captive portal does.
    if (this.#statusCode < 400) throw new Error(`the response is a redirect (${this.#statusCode})`);
    throw new ApiError(this.#call, parseErrorResponse(this.#statusCode, this.#headers, text));
  }
}

// undici rejects such calls before it opens a connection.
const unsendable = /^(UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED|ERR_INVALID_(URL|CHAR|ARG))/;

/** Everything that depends on the content of the call only. @throws UnsendableError */
function prepare(
  endpoint: ApiEndpoint,
  call: ApiCall,
): { url: URL; headers: Record<string, string>; body: string | null } {
  const url = URL.parse(requestUrl(endpoint.baseUrl, call.path));
  if (url === null) throw new UnsendableError(call, 'its URL is invalid');
  const headers = requestHeaders(endpoint, call);
  for (const [name, value] of Object.entries(headers)) {
    if (!isHeaderValue(value)) throw new UnsendableError(call, `its header "${name}" has an invalid character`);
  }
  try {
    return { url, headers, body: call.body === undefined ? null : JSON.stringify(call.body) };
  } catch (error) {
    throw new UnsendableError(call, 'its body cannot be serialized', { cause: error });
  }
}

/** Whether the text can be sent in a header as it is. */
export function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

const certificateFailures: readonly [codes: RegExp, text: string][] = [
  [untrustedCodes, 'is not trusted (CODE); set network.ca_file to its certificate authority'],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, 'has expired or is not valid yet, by the clock of this machine (CODE)'],
];

/** Like `formatError`, with a clearer text for a proxy's rejection and for a certificate that cannot be accepted. */
export function explainFailure(error: unknown): string {
  const refusal = proxyRefusal(error);
  if (refusal !== undefined) return `the proxy rejected the connection (status ${refusal})`;
  const code = errorCode(error) ?? '';
  const failure = certificateFailures.find(([codes]) => codes.test(code))?.[1];
  return failure === undefined ? formatError(error) : `the server’s certificate ${failure.replace('CODE', code)}`;
}

export interface EventStreamCall {
  /** Relative to the server's URL, percent-encoded, with the query. */
  path: string;
  /** The last event before the connection broke. */
  lastEventId?: string;
  signal?: AbortSignal | undefined;
}

// Servers send comments periodically, so a longer silence means that the connection is dead.
const idleStreamTimeoutMs = 90_000;

/**
 * Opens a stream of server-sent events. Returns undefined if there are no further events (204). The chunks reject with a
 * ConnectionError if the connection breaks, or with the signal's reason.
 * @throws like {@link callApi}
 */
export async function openEventStream(
  endpoint: ApiEndpoint,
  { path, lastEventId, signal }: EventStreamCall,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const call = { method: 'GET', path } as const;
  const cut = (error: unknown): never => {
    signal?.throwIfAborted();
    if (error instanceof ApiError || error instanceof UnsendableError) throw error;
    throw new ConnectionError(call, formatError(error), { cause: error });
  };
  try {
    const { url, headers } = prepare(endpoint, call);
    const response = await request(url, {
      dispatcher: endpoint.transport,
      headers: {
        ...headers,
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      signal: signal ?? null,
      headersTimeout: defaultTimeoutMs,
      bodyTimeout: idleStreamTimeoutMs,
    });
    if (response.statusCode === 200) return rejectingWith(response.body, cut);
    const text = await readText(response.body, maxResponseBytes);
    if (response.statusCode === 204) return undefined;
    throw new ApiError(call, parseErrorResponse(response.statusCode, response.headers, text));
  } catch (error) {
    return cut(error);
  }
}

async function* rejectingWith(chunks: AsyncIterable<Uint8Array>, onError: (error: unknown) => never) {
  try {
    yield* chunks;
  } catch (error) {
    onError(error);
  }
}

function requestUrl(base: URL, path: string): string {
  return `${base.origin}${trimEnd(base.pathname, '/')}${path}`;
}

function requestHeaders(endpoint: ApiEndpoint, call: ApiCall): Record<string, string> {
  return {
    authorization: `APIToken ${endpoint.token}`,
    accept: 'application/json',
    'user-agent': endpoint.userAgent,
    ...endpoint.headers,
    ...call.headers,
    ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(call.ifMatch === undefined ? {} : { 'if-match': String(call.ifMatch) }),
  };
}
