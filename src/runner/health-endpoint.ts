import { once } from 'node:events';
import { createServer } from 'node:http';
import type { HostPort } from '../config/kinds.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Readiness } from './readiness.ts';

/**
 * Tells monitors whether the runner is ready: 200 or 503, and why not, as JSON, for GET and HEAD of any path. Nothing but that is told,
 * as whoever can reach the address can ask. Does nothing without an address.
 * @throws UserError when the address can't be listened on
 */
export async function startHealthEndpoint(
  address: HostPort | undefined,
  { readiness, logger }: { readiness: Readiness; logger: Logger },
): Promise<AsyncDisposable> {
  if (address === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const server = createServer(({ method }, response) => {
    if (method !== 'GET' && method !== 'HEAD') return response.writeHead(405, { allow: 'GET, HEAD' }).end();
    const { state } = readiness;
    const problems = state.phase === 'degraded' ? [...new Set(state.troubles.map(({ kind }) => kind))] : [];
    response.writeHead(state.phase === 'ready' ? 200 : 503, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
    return response.end(`${JSON.stringify({ phase: state.phase, problems })}\n`);
  });
  const { host, port } = address;
  try {
    await once(server.listen(port, host), 'listening');
  } catch (cause) {
    throw new UserError(`cannot listen on ${host}:${port} for health checks`, {
      remedy: 'Set health.listen to a free address of this machine, or leave it out.',
      exitCode: ExitCode.configuration,
      cause,
    });
  }
  logger.info('health checks are answered', { address: `${host}:${port}` });
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
