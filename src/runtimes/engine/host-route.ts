/** The way from a container to this machine. */
import type { RunEngine } from './client.ts';

export type HostRoute =
  /** The container reaches loopback itself, with this network if given. */
  | { kind: 'loopback'; network?: string }
  /** The machine has a name in the container, and this address if the engine does not know the name. */
  | { kind: 'name'; name: string; address?: string; isBridge?: boolean }
  | { kind: 'none'; reason: string; remedy: string };

/** Finds out how a container on this network reaches this machine. Undefined is the engine's default network. */
export type FindRoute = (network: string | undefined, deps: RouteDeps) => Promise<HostRoute>;

export interface RouteDeps {
  run: RunEngine;
  /** Whether the engine is on another machine. */
  isRemote: () => Promise<boolean>;
  /** The environment of the engine's commands. */
  env: NodeJS.ProcessEnv;
  /** Port of the server. */
  port: number;
  platform?: NodeJS.Platform;
  isRootless?: boolean;
}

const listenElsewhere =
  'Let the server listen on an address of this machine, with TLS: plan42 server start --listen, --tls-cert, --tls-key, --public-url.';

export function noRoute(reason: string, remedy = listenElsewhere): HostRoute {
  return { kind: 'none', reason, remedy };
}

const anotherNetwork = 'Set jobs.network to a network that reaches the server, or remove it.';

/** For networks without a way out of the container, whatever the server listens on. */
export function noRouteFrom(network: string): HostRoute {
  return noRoute(`a container on the network "${network}" does not reach the loopback of this machine`, anotherNetwork);
}
