import { type AgentRequest, RequestError } from './request.ts';

export interface ApiAnswer {
  status: number;
  /** The parsed JSON, or an empty object. */
  body: Record<string, unknown>;
}

/** Calls on this turn: `path` is below the turn's own. Rejects only when no answer came. */
export type TurnApi = (call: { method: string; path?: string; version?: number; body?: unknown }) => Promise<ApiAnswer>;

// Names that container engines give to the machine they run on.
const hostNames = ['host.containers.internal', 'host.docker.internal'];
const probeTimeoutMs = 3000;
const callTimeoutMs = 20_000;

/**
 * Finds the server: at `url` when given, else where the agent token says that it comes from. "This machine" means something else
 * in a container than where the token was made, so the host's names are tried too.
 * @throws RequestError if none answers.
 */
export async function findApi(request: AgentRequest, url: string | undefined): Promise<TurnApi> {
  const candidates = url ? [url] : candidateUrls(issuerOf(request.token));
  for (const candidate of candidates) {
    const api = turnApi(request, candidate);
    const answer = await api({ method: 'GET' }, probeTimeoutMs).catch(() => undefined);
    if (answer !== undefined) return api;
  }
  throw new RequestError(`no answer from ${candidates.join(' or ')}; set PLAN42_URL to the server's URL`);
}

function candidateUrls(issuer: URL): string[] {
  if (!/^(localhost|127\.[\d.]+|\[::1\])$/.test(issuer.hostname)) return [issuer.href];
  const alternatives = hostNames.map((name) => Object.assign(new URL(issuer), { hostname: name }).href);
  return [issuer.href, ...alternatives];
}

// `p42a_` and a JWT; the server, and only it, can check the signature.
function issuerOf(token: string): URL {
  const payload = token.slice(token.indexOf('_') + 1).split('.')[1] ?? '';
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return new URL((claims as { iss: string }).iss);
  } catch {
    throw new RequestError("the agent token does not say where it is from; set PLAN42_URL to the server's URL");
  }
}

function turnApi({ tenantId, taskId, turnIndex, token }: AgentRequest, base: string) {
  const segments = ['v1', 'tenants', tenantId, 'tasks', taskId, 'turns', String(turnIndex)].map(encodeURIComponent);
  const turnUrl = `${base.replace(/\/+$/, '')}/${segments.join('/')}`;
  return async (
    { method, path = '', version, body }: Parameters<TurnApi>[0],
    timeoutMs = callTimeoutMs,
  ): Promise<ApiAnswer> => {
    const response = await fetch(turnUrl + path, {
      method,
      headers: {
        authorization: `APIToken ${token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(version === undefined ? {} : { 'if-match': String(version) }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const json: unknown = await response.json().catch(() => ({}));
    return { status: response.status, body: (json ?? {}) as Record<string, unknown> };
  };
}
