/** How a container reaches a server that listens on this machine's loopback, where a container's loopback is its own. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { isLoopback } from '../../lib/loopback.ts';
import { trimEnd } from '../../lib/trim-end.ts';
import type { AgentAddress } from '../runtime.ts';

/** The way from a container to this machine. */
export type HostRoute =
  /** The container reaches loopback itself, with this network if given. */
  | { kind: 'loopback'; network?: string }
  /** The machine has a name in the container, and this address if the engine does not know the name. */
  | { kind: 'name'; name: string; address?: string; isBridge?: boolean }
  | { kind: 'none'; reason: string; remedy: string };

export const listenElsewhere =
  'Let the server listen on an address of this machine, with TLS: plan42 server start --listen, --tls-cert, --tls-key, --public-url.';

export function needsRoute(url: URL): boolean {
  return isLoopback(url.hostname);
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
export async function isListening(address: string, port: number): Promise<boolean | undefined> {
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
export function portOf({ port, protocol }: URL): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}
