/** Connects to the API server of a cluster. */
import { STATUS_CODES } from 'node:http';
import { type Dispatcher, errors, request as send } from 'undici';
import * as v from 'valibot';
import { parseJson, tryParseJson } from '../../../lib/json.ts';
import { readText } from '../../../lib/read-body.ts';
import type { PingTiming } from './connections.ts';
import { createCredentials } from './credentials.ts';
import { type KubeApi, KubeApiError, type Method, type RequestOptions, type StreamOptions } from './kube-api.ts';
import { type ClusterSettings, findCluster } from './kubeconfig.ts';

const defaultTimeoutMs = 30_000;
const maxErrorBytes = 64 * 1024;
// When this part of the time for a response has passed, undici finds out whether the connection still works, which other
// requests share, and opens another one for them meanwhile. A request that is aborted says nothing to it.
const headersShare = 0.9;
// Lists are read in pages.
const maxResponseBytes = 64 * 2 ** 20;

/**
 * Reads the configuration, without a request to the server.
 * @param timing for tests
 * @throws UserError if there is no kubeconfig, or a damaged one, or its context is missing
 */
export async function connect(
  settings: ClusterSettings,
  env: NodeJS.ProcessEnv,
  timing?: PingTiming,
): Promise<KubeApi> {
  const { config, namespace } = await findCluster(settings, env);
  const server = config.getCurrentCluster()?.server ?? '';
  const credentials = createCredentials(config, timing);

  async function open(method: Method, path: string, options: RequestOptions & { headersTimeoutMs: number }) {
    const { dispatcher, headers } = await credentials.current();
    const hasBody = options.body !== undefined;
    const response = await send(addressOf(server, path, options.query), {
      dispatcher,
      method,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': 'plan42-runner',
        ...(hasBody && { 'content-type': options.contentType ?? contentTypeOf(method) }),
      },
      body: hasBody ? JSON.stringify(options.body) : null,
      signal: options.signal ?? null,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: 0,
    });
    if (response.statusCode === 401) credentials.expire();
    if (response.statusCode >= 400) throw await readError(response, method, path);
    return response.body;
  }

  return {
    namespace,
    server,
    async request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
      const { timeoutMs = defaultTimeoutMs } = options;
      const late = `no response from ${server} within ${timeoutMs / 1000} s`;
      using deadline = startDeadline(timeoutMs, late);
      const signal = options.signal ? AbortSignal.any([options.signal, deadline.signal]) : deadline.signal;
      try {
        const headersTimeoutMs = Math.ceil(timeoutMs * headersShare);
        const body = await open(method, path, { ...options, signal, headersTimeoutMs });
        return parseJson(await readText(body, maxResponseBytes)) as T;
      } catch (error) {
        throw error instanceof errors.HeadersTimeoutError ? new Error(late, { cause: error }) : error;
      }
    },
    async stream(path: string, options: StreamOptions): Promise<AsyncIterable<Uint8Array>> {
      const { headersTimeoutMs = defaultTimeoutMs } = options;
      return open('GET', path, { ...options, headersTimeoutMs });
    },
  };
}

// Unlike AbortSignal.timeout, which keeps its timer and the signals that depend on it after the response.
function startDeadline(ms: number, message: string): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(message)), ms);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

// A server can be below a path, behind a proxy.
function addressOf(server: string, path: string, query: Readonly<Record<string, string>> | undefined): string {
  const address = (server.endsWith('/') ? server.slice(0, -1) : server) + path;
  return query === undefined ? address : `${address}?${new URLSearchParams(query).toString()}`;
}

function contentTypeOf(method: Method): string {
  return method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
}

async function readError(response: Dispatcher.ResponseData, method: Method, path: string): Promise<KubeApiError> {
  const { statusCode, headers, body } = response;
  const text = await readStart(body).catch(() => '');
  const status = parseStatus(text);
  const seconds = Number(headers['retry-after'] ?? status?.details?.retryAfterSeconds ?? Number.NaN);
  const message = status?.message || `${method} ${path}: ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim();
  return new KubeApiError(message, {
    status: statusCode,
    reason: status?.reason ?? '',
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
  });
}

async function readStart(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxErrorBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

const Status = v.object({
  kind: v.literal('Status'),
  message: v.optional(v.string()),
  reason: v.optional(v.string()),
  details: v.optional(v.object({ retryAfterSeconds: v.optional(v.number()) })),
});

// Proxies in front of the server respond with other texts.
function parseStatus(text: string): v.InferOutput<typeof Status> | undefined {
  const parsed = v.safeParse(Status, tryParseJson(text));
  return parsed.success ? parsed.output : undefined;
}
