import { type Dispatcher, request as fetchUrl } from 'undici';
import { parseJson } from '../../lib/json.ts';
import { readBytes } from '../../lib/read-body.ts';
import { sleep } from '../../lib/sleep.ts';
import { trimEnd } from '../../lib/trim-end.ts';
import type { ApiEndpoint } from '../../plan42/http.ts';
import { streamTurnEvents, type TurnEvent } from '../../plan42/turn-messages.ts';
import { requestJson } from '../http.ts';
import { type AgentRequest, RequestError } from './request.ts';

export interface ApiResponse {
  status: number;
  /** The parsed JSON, or an empty object. */
  body: Record<string, unknown>;
}

/** Calls the API. Rejects only if there is no response. */
export type Call = (call: {
  method: string;
  /** Relative to the turn or task, with a leading slash. */
  path?: string;
  version?: number;
  body?: unknown;
}) => Promise<ApiResponse>;

/** The server, as this agent reaches it. */
export interface TurnApi {
  /** Without a trailing slash. */
  serverUrl: string;
  turn: Call;
  task: Call;
  /** Reads a file of the task. */
  file: (id: string, what: 'download-url') => Promise<ApiResponse>;
  /** Yields the messages of the turn until it is finished. Rejects if the server does not have any, or with the reason. */
  messages: (signal: AbortSignal) => AsyncGenerator<TurnEvent, void>;
  /** Returns the content at the URL of a file, which needs no token. */
  download: (url: string, signal: AbortSignal) => Promise<Buffer>;
}

// Names of the host machine in containers.
const hostNames = ['host.containers.internal', 'host.docker.internal'];
const findAttempts = 4;
const findPauseMs = 500;

/**
 * Finds the server: `url` if given, otherwise the issuer of the agent token. A loopback issuer is another machine if the
 * agent runs in a container, so the host's names are tried too.
 * @throws RequestError if none responds
 */
export async function findApi(
  request: AgentRequest,
  { url, transport }: { url: string | undefined; transport: Dispatcher },
): Promise<TurnApi> {
  const candidates = url ? [url] : candidateUrls(issuerOf(request.token));
  // The network of a container, or the server, may need a moment.
  for (let attempt = 0; attempt < findAttempts; attempt += 1) {
    if (attempt > 0) await sleep(findPauseMs);
    for (const candidate of candidates) {
      const api = apiAt(request, trimEnd(candidate, '/'), transport);
      const response = await api.turn({ method: 'GET' }).catch(() => undefined);
      if (response !== undefined) return api;
    }
  }
  throw new RequestError(`no response from ${candidates.join(' or ')}. Set PLAN42_URL to the server's URL`);
}

/** Returns the task's page. Undefined if the server is on loopback, where others cannot open it. */
export function taskPage({ token, taskId }: AgentRequest): string | undefined {
  const issuer = tryIssuerOf(token);
  return issuer === undefined || isLoopback(issuer) ? undefined : `${trimEnd(issuer.href, '/')}/#/tasks/${taskId}`;
}

function candidateUrls(issuer: URL): string[] {
  if (!isLoopback(issuer)) return [issuer.href];
  const alternatives = hostNames.map((name) => Object.assign(new URL(issuer), { hostname: name }).href);
  return [issuer.href, ...alternatives];
}

function isLoopback(url: URL): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
}

function issuerOf(token: string): URL {
  const issuer = tryIssuerOf(token);
  if (issuer !== undefined) return issuer;
  throw new RequestError("the agent token has no valid issuer. Set PLAN42_URL to the server's URL");
}

// The token is `p42a_` and a JWT. Only the server can verify the signature.
function tryIssuerOf(token: string): URL | undefined {
  const payload = token.slice(token.indexOf('_') + 1).split('.')[1] ?? '';
  try {
    const claims: unknown = parseJson(Buffer.from(payload, 'base64url').toString());
    return new URL((claims as { iss: string }).iss);
  } catch {
    return undefined;
  }
}

function apiAt(request: AgentRequest, serverUrl: string, transport: Dispatcher): TurnApi {
  const { tenantId, taskId, turnIndex, workstreamId, token } = request;
  const below = (...segments: string[]) => `${serverUrl}/${segments.map(encodeURIComponent).join('/')}`;
  const tenant = ['v1', 'tenants', tenantId];
  const turn = [...tenant, 'tasks', taskId, 'turns', String(turnIndex)];
  const workstream = workstreamId === undefined ? [] : ['workstreams', workstreamId];
  const callsAt =
    (base: string): Call =>
    async ({ method, path = '', version, body }) => {
      const headers = {
        authorization: `APIToken ${token}`,
        ...(version === undefined ? {} : { 'if-match': String(version) }),
      };
      const response = await requestJson(transport, { method, url: base + path, headers, body });
      return { status: response.status, body: response.body as Record<string, unknown> };
    };
  return {
    serverUrl,
    turn: callsAt(below(...turn)),
    task: callsAt(below(...tenant, ...workstream, 'tasks', taskId)),
    file: (id, what) => callsAt(below(...tenant, 'files', id, what))({ method: 'GET' }),
    messages: (signal) => {
      const endpoint: ApiEndpoint = { transport, baseUrl: new URL(serverUrl), token, userAgent: 'plan42-agent' };
      const path = `/${[...turn, 'messages'].map(encodeURIComponent).join('/')}`;
      return streamTurnEvents(endpoint, path, { signal, maxFailures: Number.POSITIVE_INFINITY });
    },
    download: (url, signal) => download(transport, url, signal),
  };
}

const maxFileBytes = 32 * 1024 * 1024;
const downloadTimeoutMs = 5 * 60_000;

async function download(transport: Dispatcher, url: string, signal: AbortSignal): Promise<Buffer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(downloadTimeoutMs)]);
  const { statusCode, body } = await fetchUrl(url, { dispatcher: transport, signal: limit });
  const content = await readBytes(body, maxFileBytes);
  if (statusCode !== 200) throw new Error(`status ${statusCode}`);
  return content;
}
