import { once } from 'node:events';
import { createServer } from 'node:http';
import type { HostPort } from '../config/kinds.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { listen } from '../lib/listen.ts';
import type { Logger } from '../lib/logger.ts';
import { prometheusContentType } from '../lib/prometheus-text.ts';
import type { RunnerHealth } from './health.ts';
import type { TokenWatch } from './token-watch.ts';

export interface HealthEndpointOptions {
  health: RunnerHealth;
  logger: Logger;
  tokenWatch?: Pick<TokenWatch, 'state'>;
  /** In the text format of Prometheus. */
  metrics: () => string;
}

/**
 * Serves the runner's phase to monitoring, for GET and HEAD: 200 if ready, otherwise 503 with the kinds of problems.
 * Warnings announce problems. `/metrics` has the numbers, every other path the phase. Exposes nothing that identifies a
 * task or a person, because the endpoint has no authentication. Does nothing without an address.
 * @throws UserError if it cannot listen on the address
 */
export async function startHealthEndpoint(
  address: HostPort | undefined,
  { health, logger, tokenWatch, metrics }: HealthEndpointOptions,
): Promise<AsyncDisposable> {
  if (address === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const server = createServer(({ method, url }, response) => {
    if (method !== 'GET' && method !== 'HEAD') return response.writeHead(405, { allow: 'GET, HEAD' }).end();
    if (url?.split('?')[0] === '/metrics') {
      response.writeHead(200, { 'content-type': prometheusContentType, 'cache-control': 'no-store' });
      return response.end(metrics());
    }
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
    await listen(server, address);
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
