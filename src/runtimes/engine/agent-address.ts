/** How a container reaches a server that listens on this machine's loopback, where a container's loopback is its own. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { systemClock } from '../../lib/clock.ts';
import { isLoopback } from '../../lib/loopback.ts';
import { trimEnd } from '../../lib/trim-end.ts';
import type { AgentAddress } from '../runtime.ts';
import type { FindRoute, HostRoute, RouteDeps } from './host-route.ts';

interface AgentNetworkOptions extends Pick<RouteDeps, 'run' | 'isRemote' | 'env'> {
  /** The configured network of containers. */
  network: string | undefined;
  findRoute: FindRoute;
}

export interface AgentNetwork {
  /** Returns the options of `run` that set the network of a job, and with which its agent reaches the server. */
  options(serverUrl: URL | undefined): Promise<string[]>;
  /** Finds out how agents reach a server. Undefined if they reach what this machine reaches. */
  findAddress(url: URL): Promise<AgentAddress | undefined>;
}

// The way to this machine changes only with the configuration of the engine.
const routeLifetimeMs = 5 * 60_000;

export function createAgentNetwork({ network, findRoute, ...deps }: AgentNetworkOptions): AgentNetwork {
  let known: { port: number; route: HostRoute; until: number } | undefined;

  async function routeTo(url: URL): Promise<HostRoute | undefined> {
    if (!isLoopback(url.hostname)) return undefined;
    const port = portOf(url);
    if (known?.port === port && known.until > systemClock.now()) return known.route;
    const route = await findRoute(network, { ...deps, port });
    if (route.kind !== 'none') known = { port, route, until: systemClock.now() + routeLifetimeMs };
    return route;
  }

  async function options(serverUrl: URL | undefined): Promise<string[]> {
    const route = serverUrl && (await routeTo(serverUrl));
    const address = route && toAgentAddress(serverUrl, route);
    // Without an address the agent fails, and its turn gets the reason.
    const reachable = address?.reason === undefined ? address : undefined;
    const name = reachable?.network ?? network;
    return [...(name === undefined ? [] : ['--network', name]), ...(reachable?.options ?? [])];
  }

  async function findAddress(url: URL): Promise<AgentAddress | undefined> {
    const route = await routeTo(url);
    if (route === undefined) return undefined;
    const port = portOf(url);
    if (route.kind === 'name' && route.isBridge && route.address !== undefined) {
      const reason = `the server does not listen on ${route.address}:${port}, where containers reach this machine`;
      const remedy = 'Start it with "plan42 server start", without --no-containers.';
      if ((await isListening(route.address, port)) === false) return { reason, remedy };
    }
    return toAgentAddress(url, route);
  }

  return { options, findAddress };
}

/** Returns the options of `run`, and the URL for the agent. */
export function toAgentAddress(url: URL, route: HostRoute): AgentAddress {
  if (route.kind === 'none') return { reason: `${route.reason}, where ${url.host} is`, remedy: route.remedy };
  if (route.kind === 'loopback') return { url, options: [], network: route.network };
  const { name, address } = route;
  const own = new URL(url);
  own.hostname = name;
  const href = trimEnd(own.href, '/');
  const host = address === undefined ? [] : ['--add-host', `${name}:${address}`];
  return { url: own, options: [...host, '--env', `PLAN42_URL=${href}`] };
}

const connectTimeoutMs = 2000;

/** Whether the server listens on the machine's address on a bridge; undefined if the bridge does not exist at the moment. */
async function isListening(address: string, port: number): Promise<boolean | undefined> {
  if (!(await isOwnAddress(address))) return undefined;
  const socket = connect({ host: address, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(connectTimeoutMs) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function isOwnAddress(address: string): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen({ host: address, port: 0 }), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** The port of a URL, also if it is the default of its scheme. */
function portOf({ port, protocol }: URL): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}
