import { query } from './client.ts';
import { type HostRoute, noRoute, noRouteFrom, type RouteDeps } from './host-route.ts';

const name = 'host.docker.internal';

/** How a container on this network of docker reaches this machine. */
export async function dockerRoute(
  network: string | undefined,
  { run, isRemote, platform = process.platform }: Pick<RouteDeps, 'run' | 'isRemote' | 'platform'>,
): Promise<HostRoute> {
  if (network === 'host') return { kind: 'loopback' };
  if (network === 'none' || network?.includes(':')) return noRouteFrom(network);
  // Docker Desktop runs containers in a virtual machine, and forwards this name to the machine's loopback.
  if (platform === 'darwin') return { kind: 'name', name };
  const format = '{{.Internal}};{{range .IPAM.Config}}{{.Gateway}} {{end}}';
  const [info, remote, printed] = await Promise.all([
    query(run, ['info', '--format', '{{.OperatingSystem}};{{.SecurityOptions}}']),
    isRemote(),
    query(run, ['network', 'inspect', '--format', format, network ?? 'bridge']),
  ]);
  if (info?.startsWith('Docker Desktop')) return { kind: 'name', name };
  if (remote) return noRoute('Docker is on another machine, whose containers do not reach the loopback of this one');
  if (info?.includes('name=rootless'))
    return noRoute('containers of rootless Docker do not reach the loopback of this machine');
  const [internal, gateways = ''] = printed?.split(';') ?? [];
  const address = gateways.split(' ').find((gateway) => /^\d+(\.\d+){3}$/.test(gateway));
  if (internal === 'true' && network !== undefined) return noRouteFrom(network);
  if (address === undefined)
    return noRoute(`the network "${network ?? 'bridge'}" of Docker has no gateway to this machine`);
  return { kind: 'name', name, address, isBridge: true };
}
