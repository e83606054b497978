import { request } from 'undici';
import { errorCode, formatError } from '../../lib/errors.ts';
import { readText } from '../../lib/read-body.ts';
import { sleep } from '../../lib/sleep.ts';
import { createTransport } from '../../plan42/transport.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { AgentFailure } from './driver.ts';
import { explainFailure } from './explain-failure.ts';

const attempts = 3;
const pauseMs = 1000;
const timeoutMs = 10_000;
const maxBytes = 64 * 1024;

// Others, such as an unknown authority, may be no obstacle for the agent. The last is a timeout.
const unreachable: ReadonlySet<string | undefined> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Checks that the model provider can be reached and accepts the key, because agents repeat such requests for minutes, or
 * without end.
 * @throws AgentFailure
 */
export async function checkServer(adapter: Adapter, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const problem = await findProviderProblem(adapter, env, signal);
    // A slow one may respond to the agent.
    if (problem === undefined || problem.kind === 'unresponsive') return;
    if (problem.kind !== 'unreachable' || attempt === attempts) throw problem;
    await sleep(pauseMs, signal);
  }
}

/** Returns the server of the model provider. Undefined if it is not known, or the agent does not use it. */
export function findServer({ keys, server }: Adapter, env: NodeJS.ProcessEnv): URL | undefined {
  const own = server && env[server.variable];
  const isUsed = server !== undefined && (own || env[keys[0] ?? '']);
  return isUsed ? (URL.parse(own || server.url) ?? undefined) : undefined;
}

/** Returns why the agent cannot use its model provider. Undefined if it can, or that is not known. Rejects if aborted. */
export async function findProviderProblem(
  adapter: Adapter,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  limitMs = timeoutMs,
): Promise<AgentFailure | undefined> {
  const { name, server } = adapter;
  const url = findServer(adapter, env);
  if (url === undefined) return undefined;
  const keyCheck = server?.keyCheck?.(env);
  const target = keyCheck === undefined ? url : new URL(url.pathname.replace(/\/$/, '') + keyCheck.path, url);
  const transport = createTransport({ env });
  const timeout = AbortSignal.timeout(limitMs);
  try {
    const limit = AbortSignal.any([signal, timeout]);
    const { statusCode, body } = await request(target, {
      method: keyCheck === undefined ? 'HEAD' : 'GET',
      ...(keyCheck && { headers: keyCheck.headers }),
      dispatcher: transport,
      signal: limit,
    });
    const text = await readText(body, maxBytes).catch(() => '');
    // Google responds with 400 to a wrong key. A server of another kind may have no such path.
    const isRefused = keyCheck !== undefined && (statusCode === 401 || /API_KEY_INVALID/.test(text));
    return isRefused ? explainFailure(adapter, env, { texts: [`error 401: ${text || 'unauthorized'}`] }) : undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) {
      const why = `cannot run ${name}: ${url.host} accepts connections, but does not respond`;
      return new AgentFailure('unresponsive', `${why}. Run the task again later, or check the proxy.`);
    }
    const code = errorCode(error);
    const [, refusal] = /Proxy response \((\d{3})\)/.exec(formatError(error)) ?? [];
    if (!unreachable.has(code) && refusal === undefined) return undefined;
    const why = refusal === undefined ? code : `the proxy responded with ${refusal}`;
    return new AgentFailure('unreachable', `cannot run ${name}: cannot reach ${url.host}: ${why}. ${remedy}`);
  } finally {
    await transport.destroy();
  }
}

const remedy = 'Allow the host in the environment of the task, and check the proxy.';
