import { once } from 'node:events';
import { createServer } from 'node:http';
import type { HostPort } from '../config/kinds.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { RunnerHealth } from './health.ts';
import type { TokenWatch } from './token-watch.ts';

/**
 * Serves the runner's phase to monitoring, for GET and HEAD of any path: 200 if ready, otherwise 503 with the kinds of
 * problems. Warnings announce problems. Exposes nothing else, because the endpoint has no authentication. Does nothing
 * without an address.
 * @throws UserError if it cannot listen on the address
 */
export async function startHealthEndpoint(
  address: HostPort | undefined,
  { health, logger, tokenWatch }: { health: RunnerHealth; logger: Logger; tokenWatch?: Pick<TokenWatch, 'state'> },
): Promise<AsyncDisposable> {
  if (address === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const server = createServer(({ method }, response) => {
    if (method !== 'GET' && method !== 'HEAD') return response.writeHead(405, { allow: 'GET, HEAD' }).end();
    const { state } = health;
    const problems = state.phase === 'degraded' ? [...new Set(state.troubles.map(({ kind }) => kind))] : [];
    response.writeHead(state.phase === 'ready' ? 200 : 503, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
    const tokenState = tokenWatch?.state ?? 'valid';
    const warnings = tokenState === 'valid' ? [] : [`token-${tokenState}`];
    return response.end(`${JSON.stringify({ phase: state.phase, problems, warnings })}\n`);
  });
  const { host, port } = address;
  try {
    await once(server.listen(port, host), 'listening');
  } catch (cause) {
    throw new UserError(`cannot listen on ${host}:${port} for health checks`, {
      remedy: 'Set health.listen to a free address of this machine, or remove the setting.',
      exitCode: ExitCode.configuration,
      cause,
    });
  }
  logger.info('health endpoint listening', { address: `${host}:${port}` });
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
