import { request } from 'undici';
import { errorCode } from '../../lib/errors.ts';
import { sleep } from '../../lib/sleep.ts';
import { createTransport } from '../../plan42/transport.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { AgentFailure } from './driver.ts';

const attempts = 3;
const pauseMs = 1000;
const timeoutMs = 10_000;

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
 * Checks that the model provider can be reached, because agents repeat such requests for minutes, or without end.
 * @throws AgentFailure
 */
export async function checkServer(
  { name, keys, server }: Adapter,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  const own = server && env[server.variable];
  const isUsed = server !== undefined && (own || env[keys[0] ?? '']);
  const url = URL.parse(own || (server?.url ?? ''));
  if (!isUsed || url === null) return;
  const transport = createTransport({ env });
  try {
    for (let attempt = 1; ; attempt += 1) {
      const code = await connect(url, transport, signal);
      if (code === undefined) return;
      if (attempt < attempts) await sleep(pauseMs, signal);
      else throw new AgentFailure('unreachable', `cannot start ${name}: cannot reach ${url.host}: ${code}. ${remedy}`);
    }
  } finally {
    await transport.close();
  }
}

const remedy = 'Allow the host in the environment of the task, and check the proxy.';

/** Returns the code of the error if there is no connection. Any response is one. */
async function connect(
  url: URL,
  dispatcher: ReturnType<typeof createTransport>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const { body } = await request(url, { method: 'HEAD', dispatcher, signal: limit });
    await body.dump();
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const code = errorCode(error);
    return unreachable.has(code) ? code : undefined;
  }
}
