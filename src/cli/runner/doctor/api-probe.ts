/** One call to the server with the runner's token, for the checks that learn something from it. */
import { performance } from 'node:perf_hooks';
import { request } from 'undici';
import type { Config } from '../../../config/schema.ts';
import { parseErrorResponse } from '../../../plan42/errors.ts';
import { parseRunnerToken, TokenError } from '../../../plan42/runner-token.ts';
import { createTransport } from '../../../plan42/transport.ts';

export interface ApiProbe {
  url: string;
  /** Whether there was a token to send along. */
  authorised: boolean;
  latencyMs: number;
  status: number;
  /** What the API said of a refusal; undefined when the answer was not the API's own. */
  message: string | undefined;
  isFromApi: boolean;
  /** Where a redirect would go. */
  location: string | undefined;
  /** The server's clock, in whole seconds, and ours at the same time. */
  serverTime: Date | undefined;
  ownTime: Date;
}

export interface ProbeOptions {
  env: NodeJS.ProcessEnv;
  version: string;
  now: () => Date;
  signal: AbortSignal;
}

/**
 * Asks for the tenant of the token. It is asked without one too, and with one that has expired by our clock: what the server
 * says then, and when, is worth knowing.
 * @throws UserError for a proxy or an authority that can't be used; else what the connection failed with
 */
export async function probeApi(config: Config, { env, version, now, signal }: ProbeOptions): Promise<ApiProbe> {
  const { url, skipSslVerify } = config.runner;
  const call = callWith(config.runner.token ?? '');
  const transport = createTransport({ caFile: config.network.caFile, skipSslVerify, env });
  try {
    const start = performance.now();
    const sentAt = now().getTime();
    const { statusCode, headers, body } = await request(url.origin + url.pathname.replace(/\/+$/, '') + call.path, {
      dispatcher: transport,
      signal,
      headers: { ...call.headers, accept: 'application/json', 'user-agent': `plan42/${version}` },
    });
    const latencyMs = performance.now() - start;
    const ownTime = new Date((sentAt + now().getTime()) / 2);
    const text = await body.text();
    const parsed = parseErrorResponse(statusCode, headers, text);
    const ownAnswer = statusCode < 300 ? isJson(text) : parsed.isFromApi;
    const location = headers['location'];
    return {
      url: url.href,
      authorised: 'authorization' in call.headers,
      latencyMs,
      status: statusCode,
      message: statusCode < 300 ? undefined : parsed.message,
      isFromApi: ownAnswer,
      location: Array.isArray(location) ? location[0] : location,
      serverTime: parseDate(headers['date']),
      ownTime,
    };
  } finally {
    await transport.destroy();
  }
}

function callWith(token: string): { path: string; headers: Record<string, string> } {
  try {
    const { tenantId } = parseRunnerToken(token, new Date(0));
    return { path: `/v1/tenants/${encodeURIComponent(tenantId)}`, headers: { authorization: `APIToken ${token}` } };
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return { path: '/v1/current-user', headers: {} };
  }
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function parseDate(header: string | string[] | undefined): Date | undefined {
  const date = new Date(String(header));
  return Number.isNaN(date.getTime()) ? undefined : date;
}
