import { request } from 'undici';
import type { Config } from '../config/schema.ts';
import { systemClock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { tryParseJson } from '../lib/json.ts';
import { readText } from '../lib/read-body.ts';
import { trimEnd } from '../lib/trim-end.ts';
import { parseErrorResponse, parseHttpDate } from '../plan42/errors.ts';
import { pathSegment } from '../plan42/path-segment.ts';
import { parseRunnerToken, TokenError } from '../plan42/runner-token.ts';
import { createTransport, maxResponseBytes } from '../plan42/transport.ts';

export interface ApiProbe {
  url: string;
  /** Whether the request carried a token. */
  authorized: boolean;
  latencyMs: number;
  status: number;
  /** The API's error message; undefined if the response is not from the API. */
  message: string | undefined;
  isFromApi: boolean;
  /** Target of a redirect, which is not followed. */
  location: string | undefined;
  /** From the Date header, in whole seconds. */
  serverTime: Date | undefined;
  /** Local time halfway between request and response. */
  ownTime: Date;
}

/** The server accepted the token. */
export function isAccepted({ status, isFromApi }: ApiProbe): boolean {
  return status < 300 && isFromApi;
}

/** Time limit of one request, below the limit of all checks, so that the report names the server that does not respond. */
export const requestTimeoutMs = 6000;

export interface ProbeOptions {
  env: NodeJS.ProcessEnv;
  version: string;
  now: () => Date;
  signal: AbortSignal;
}

/**
 * Requests the tenant of the token, or another object if there is no valid token, to learn how the server responds.
 * An expired token is sent too, because the local clock may be wrong.
 * @throws UserError if a proxy or the CA file cannot be used; otherwise the error of the connection
 */
export async function probeApi(config: Config, options: ProbeOptions): Promise<ApiProbe> {
  return withDeadline(requestTimeoutMs, options.signal, (signal) => sendProbe(config, { ...options, signal }));
}

async function sendProbe(config: Config, { env, version, now, signal }: ProbeOptions): Promise<ApiProbe> {
  const { url, skipSslVerify } = config.runner;
  const call = requestFor(config.runner.token ?? '');
  const transport = createTransport({ caFile: config.network.caFile, skipSslVerify, env });
  try {
    const start = systemClock.now();
    const sentAt = now().getTime();
    const { statusCode, headers, body } = await request(url.origin + trimEnd(url.pathname, '/') + call.path, {
      dispatcher: transport,
      signal,
      headers: { ...call.headers, accept: 'application/json', 'user-agent': `plan42/${version}` },
    });
    const latencyMs = systemClock.now() - start;
    const ownTime = new Date((sentAt + now().getTime()) / 2);
    const text = await readText(body, maxResponseBytes);
    const parsed = parseErrorResponse(statusCode, headers, text);
    const isFromApi = statusCode < 300 ? isJson(text) : parsed.isFromApi;
    const location = headers['location'];
    return {
      url: url.href,
      authorized: 'authorization' in call.headers,
      latencyMs,
      status: statusCode,
      message: statusCode < 300 ? undefined : parsed.message,
      isFromApi,
      location: Array.isArray(location) ? location[0] : location,
      serverTime: parseHttpDate(headers['date']),
      ownTime,
    };
  } finally {
    await transport.destroy();
  }
}

function requestFor(token: string): { path: string; headers: Record<string, string> } {
  try {
    const { tenantId } = parseRunnerToken(token);
    return { path: `/v1/tenants/${pathSegment(tenantId)}`, headers: { authorization: `APIToken ${token}` } };
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return { path: '/v1/current-user', headers: {} };
  }
}

function isJson(text: string): boolean {
  return typeof tryParseJson(text) === 'object';
}
