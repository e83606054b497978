import { type HostRoute, listenElsewhere } from './agent-address.ts';
import { queryTimeoutMs, type RunEngine } from './client.ts';

const name = 'host.docker.internal';

/** How a container on this network of docker reaches this machine. */
export async function dockerRoute(
  network: string | undefined,
  { run, isRemote, platform = process.platform }: RouteDeps,
): Promise<HostRoute> {
  if (network === 'host') return { kind: 'loopback' };
  if (network === 'none' || network?.includes(':')) {
    return none(`a container on the network "${network}" does not reach the loopback of this machine`);
  }
  // Docker Desktop runs containers in a virtual machine, and forwards this name to the machine's loopback.
  if (platform === 'darwin') return { kind: 'name', name };
  const format = '{{.Internal}};{{range .IPAM.Config}}{{.Gateway}} {{end}}';
  const [info, remote, printed] = await Promise.all([
    query(run, ['info', '--format', '{{.OperatingSystem}};{{.SecurityOptions}}']),
    isRemote(),
    query(run, ['network', 'inspect', '--format', format, network ?? 'bridge']),
  ]);
  if (info?.startsWith('Docker Desktop')) return { kind: 'name', name };
  if (remote) return none('Docker is on another machine, whose containers do not reach the loopback of this one');
  if (info?.includes('name=rootless'))
    return none('containers of rootless Docker do not reach the loopback of this machine');
  const [internal, gateways = ''] = printed?.split(';') ?? [];
  const address = gateways.split(' ').find((gateway) => /^\d+(\.\d+){3}$/.test(gateway));
  if (internal === 'true' || address === undefined)
    return none(`the network "${network ?? 'bridge'}" of Docker has no gateway to this machine`);
  return { kind: 'name', name, address, isBridge: true };
}

export interface RouteDeps {
  run: RunEngine;
  isRemote: () => Promise<boolean>;
  platform?: NodeJS.Platform;
}

export function none(reason: string, remedy = listenElsewhere): HostRoute {
  return { kind: 'none', reason, remedy };
}

/** The output of a command; undefined if it fails. */
export async function query(run: RunEngine, args: readonly string[]): Promise<string | undefined> {
  const { exitCode, stdout } = await run(args, { timeoutMs: queryTimeoutMs });
  return exitCode === 0 ? stdout.trim() : undefined;
}
