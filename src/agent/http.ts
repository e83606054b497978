import { type Dispatcher, request } from 'undici';
import { tryParseJson } from '../lib/json.ts';
import { readText } from '../lib/read-body.ts';

export interface JsonRequest {
  method: string;
  url: string;
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

export interface JsonResponse {
  status: number;
  /** The parsed JSON. An empty object for anything else. */
  body: unknown;
  headers: Record<string, string | string[] | undefined>;
}

// Long, because jobs have a low priority: on a busy machine an agent waits seconds for the processor.
const callTimeoutMs = 20_000;
const maxBytes = 16 * 1024 * 1024;

/** Makes one request. Rejects only if there is no response. */
export async function requestJson(transport: Dispatcher, call: JsonRequest): Promise<JsonResponse> {
  const { method, url, headers, body, signal } = call;
  const timeout = AbortSignal.timeout(callTimeoutMs);
  const response = await request(url, {
    dispatcher: transport,
    method,
    headers: {
      accept: 'application/json',
      'user-agent': 'plan42-agent',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
  });
  const text = await readText(response.body, maxBytes);
  return { status: response.statusCode, body: tryParseJson(text) ?? {}, headers: response.headers };
}
