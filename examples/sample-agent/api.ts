import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentRequest, RequestError } from './request.ts';

export interface ApiResponse {
  status: number;
  /** The parsed JSON, or an empty object. */
  body: Record<string, unknown>;
}

/** Calls the API of this turn. `path` is relative to the turn. Rejects only if there is no response. */
export type TurnApi = (call: {
  method: string;
  path?: string;
  version?: number;
  body?: unknown;
}) => Promise<ApiResponse>;

// Names of the host machine in containers.
const hostNames = ['host.containers.internal', 'host.docker.internal'];
// Long, because jobs have a low priority: on a busy machine an agent waits seconds for the processor.
const callTimeoutMs = 20_000;
const findAttempts = 4;
const findPauseMs = 500;

/**
 * Finds the server: `url` if given, otherwise the issuer of the agent token. A loopback issuer is another machine if the
 * agent runs in a container, so the host's names are tried too.
 * @throws RequestError if none responds
 */
export async function findApi(request: AgentRequest, url: string | undefined): Promise<TurnApi> {
  const candidates = url ? [url] : candidateUrls(issuerOf(request.token));
  // The network of a container, or the server, may need a moment.
  for (let attempt = 0; attempt < findAttempts; attempt += 1) {
    if (attempt > 0) await sleep(findPauseMs);
    for (const candidate of candidates) {
      const api = turnApi(request, candidate);
      const response = await api({ method: 'GET' }).catch(() => undefined);
      if (response !== undefined) return api;
    }
  }
  throw new RequestError(`no response from ${candidates.join(' or ')}. Set PLAN42_URL to the server's URL`);
}

function candidateUrls(issuer: URL): string[] {
  if (!/^(localhost|127\.[\d.]+|\[::1\])$/.test(issuer.hostname)) return [issuer.href];
  const alternatives = hostNames.map((name) => Object.assign(new URL(issuer), { hostname: name }).href);
  return [issuer.href, ...alternatives];
}

// The token is `p42a_` and a JWT. Only the server can verify the signature.
function issuerOf(token: string): URL {
  const payload = token.slice(token.indexOf('_') + 1).split('.')[1] ?? '';
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return new URL((claims as { iss: string }).iss);
  } catch {
    throw new RequestError("the agent token has no valid issuer. Set PLAN42_URL to the server's URL");
  }
}

function turnApi({ tenantId, taskId, turnIndex, token }: AgentRequest, base: string) {
  const segments = ['v1', 'tenants', tenantId, 'tasks', taskId, 'turns', String(turnIndex)].map(encodeURIComponent);
  const turnUrl = `${base.replace(/\/+$/, '')}/${segments.join('/')}`;
  return async ({ method, path = '', version, body }: Parameters<TurnApi>[0]): Promise<ApiResponse> => {
    const response = await fetch(turnUrl + path, {
      method,
      headers: {
        authorization: `APIToken ${token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(version === undefined ? {} : { 'if-match': String(version) }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(callTimeoutMs),
    });
    const json: unknown = await response.json().catch(() => ({}));
    return { status: response.status, body: (json ?? {}) as Record<string, unknown> };
  };
}
