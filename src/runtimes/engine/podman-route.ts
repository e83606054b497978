import { query } from './client.ts';
import { readContainersConf } from './containers-conf.ts';
import { type HostRoute, noRoute, noRouteFrom, type RouteDeps } from './host-route.ts';

const name = 'host.containers.internal';
// The machine's loopback, in the network that slirp4netns simulates.
const slirpHost = '10.0.2.2';
const slirpRemedy =
  'Let the server listen on an address of this machine, with TLS, or set jobs.network = "slirp4netns:allow_host_loopback=true", with which agents reach everything on loopback.';

/** How a container on this network of podman reaches this machine. */
export async function podmanRoute(
  configured: string | undefined,
  { run, isRemote, env, port, platform = process.platform, isRootless = process.geteuid?.() !== 0 }: RouteDeps,
): Promise<HostRoute> {
  if (configured === 'host') return { kind: 'loopback' };
  // The machine of Podman forwards this name to loopback.
  if (platform === 'darwin') return { kind: 'name', name };
  if (await isRemote())
    return noRoute('Podman is on another machine, whose containers do not reach the loopback of this one');
  const conf = await readContainersConf(env);
  const byDefault = conf.netns && conf.netns !== 'private' ? conf.netns : undefined;
  const network = configured ?? byDefault ?? (isRootless ? await rootlessNetwork() : 'bridge');
  const [mode, options = ''] = network.split(/:(.*)/s);
  if (network === 'host') return { kind: 'loopback' };
  if (mode === 'slirp4netns') {
    const isOpen = [...conf.networkCmdOptions, ...options.split(',')].includes('allow_host_loopback=true');
    return isOpen
      ? { kind: 'name', name, address: slirpHost }
      : noRoute('the network slirp4netns does not reach the loopback of this machine', slirpRemedy);
  }
  // Its option forwards one port of the container's loopback to the same port of this machine's.
  if (mode === 'pasta') return { kind: 'loopback', network: `pasta:${options === '' ? '' : `${options},`}-T,${port}` };
  if (network === 'none' || network.includes(':')) return noRouteFrom(network);
  if (isRootless) return noRoute('a bridge of rootless Podman does not reach the loopback of this machine');
  return bridgeRoute(network === 'bridge' ? (configured ?? 'podman') : network);

  async function rootlessNetwork(): Promise<string> {
    if (conf.rootlessNetworkCmd !== undefined) return conf.rootlessNetworkCmd;
    // Podman before 5.0 does not print it, and uses slirp4netns.
    return (await query(run, ['info', '--format', '{{.Host.RootlessNetworkCmd}}'])) || 'slirp4netns';
  }

  async function bridgeRoute(bridge: string): Promise<HostRoute> {
    const inspected = await query(run, ['network', 'inspect', bridge === 'bridge' ? 'podman' : bridge]);
    // Netavark and CNI write the gateway at different places.
    const address = /"gateway": "(\d+(?:\.\d+){3})"/.exec(inspected ?? '')?.[1];
    if (address === undefined) return noRoute(`the network "${bridge}" of Podman has no gateway to this machine`);
    return { kind: 'name', name, address, isBridge: true };
  }
}
