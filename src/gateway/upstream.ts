/** Connections to hosts: looked up once, checked address by address, and made to a checked address. */
import { lookup as lookUpName } from 'node:dns/promises';
import { connect as connectSocket, type Socket, type TcpNetConnectOpts } from 'node:net';
import { errorCode } from '../lib/errors.ts';
import { connected, keepAliveMs, UnreachableError } from './connected.ts';
import { type Permission, type Refusal, refuseAddress } from './decide.ts';
import { isDirect, openThroughProxy } from './front-proxy.ts';
import type { Host, Target } from './host-name.ts';
import { type IpAddress, parseAddress, showAddress } from './ip-address.ts';
import type { EgressPolicy } from './policy.ts';

/** The addresses of a name, as the machine's resolver returns them. */
export type LookUp = (name: string) => Promise<readonly { address: string }[]>;

const systemLookUp: LookUp = (name) => lookUpName(name, { all: true, order: 'verbatim' });

/** None of the host's addresses is permitted. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

export interface Upstream {
  /**
   * Resolves with a connection.
   * @param open connects a socket to the host itself
   * @throws RefusedError, UnreachableError
   */
  connect(target: Target, permission: Permission, signal: AbortSignal, open?: OpenSocket): Promise<Socket>;
  /** Whether `connect` would be refused now. @throws RefusedError, UnreachableError */
  check(target: Target, permission: Permission): Promise<void>;
  /** Whether plain HTTP to the target goes through the proxy in front. */
  proxyFor(target: Target, permission: Permission): URL | undefined;
  /**
   * Before a connection through the proxy in front, which looks the name up itself: what this machine knows to be private must
   * not be reached in that way. @throws RefusedError
   */
  requireNoPrivateName(target: Target, permission: Permission): Promise<void>;
}

export type OpenSocket = (options: TcpNetConnectOpts) => Socket;

interface UpstreamOptions {
  policy: EgressPolicy;
  lookUp?: LookUp;
  timeouts?: UpstreamTimeouts;
  /** The port to which a connection is made, for tests, whose servers cannot have the ports of TLS and HTTP. */
  mapPort?: (port: number) => number;
}

export interface UpstreamTimeouts {
  lookUpMs: number;
  connectMs: number;
  /** A machine behind a proxy may not be able to look up the names of the internet. */
  proxiedLookUpMs: number;
}

const defaultTimeouts: UpstreamTimeouts = { lookUpMs: 15_000, connectMs: 30_000, proxiedLookUpMs: 1000 };

export function createUpstream({
  policy,
  lookUp = systemLookUp,
  timeouts = defaultTimeouts,
  mapPort = (port) => port,
}: UpstreamOptions): Upstream {
  const { proxy } = policy;

  const proxyFor = (target: Target, { server }: Permission): URL | undefined =>
    proxy === undefined || server?.connectTo !== undefined || isDirect(proxy, target) ? undefined : new URL(proxy.url);

  async function connect(
    target: Target,
    permission: Permission,
    signal: AbortSignal,
    open: OpenSocket = connectSocket,
  ): Promise<Socket> {
    const frontProxy = proxyFor(target, permission);
    if (frontProxy === undefined) {
      const addresses = await findAddresses(target, permission);
      return await connectTo(addresses, target.port, signal, open);
    }
    await requireNoPrivateName(target, permission);
    return await openThroughProxy({ url: frontProxy, caFile: proxy?.caFile }, target, {
      timeoutMs: timeouts.connectMs,
      signal,
    });
  }

  async function check(target: Target, permission: Permission): Promise<void> {
    if (proxyFor(target, permission) === undefined) await findAddresses(target, permission);
    else await requireNoPrivateName(target, permission);
  }

  /** @throws RefusedError if none is permitted */
  async function findAddresses({ host, port }: Target, permission: Permission): Promise<readonly IpAddress[]> {
    const found = await addressesOf(permission.server?.connectTo ?? host);
    const refusals = found.map((address) => refuseAddress(policy, permission, address, port));
    const permitted = found.filter((_, n) => refusals[n] === undefined);
    if (permitted.length > 0) return permitted;
    const [refusal] = refusals;
    if (refusal === undefined) throw new UnreachableError('its name has no address');
    throw new RefusedError(refusal);
  }

  async function addressesOf(host: Host | string): Promise<readonly IpAddress[]> {
    const literal = typeof host === 'string' ? parseAddress(host) : host.address;
    if (literal !== undefined) return [literal];
    const name = typeof host === 'string' ? host : host.text;
    try {
      const found = await within(timeouts.lookUpMs, lookUp(name));
      return found.flatMap(({ address }) => parseAddress(address.replace(/%.*/, '')) ?? []);
    } catch (error) {
      throw new UnreachableError(`its name cannot be looked up (${errorCode(error) ?? 'timeout'})`, { cause: error });
    }
  }

  async function requireNoPrivateName(target: Target, permission: Permission): Promise<void> {
    if (target.host.kind === 'address') return;
    const found = await within(timeouts.proxiedLookUpMs, lookUp(target.host.text)).catch(() => []);
    const addresses = found.flatMap(({ address }) => parseAddress(address.replace(/%.*/, '')) ?? []);
    const refusals = addresses.map((address) => refuseAddress(policy, permission, address, target.port));
    const [refusal] = refusals;
    if (refusal !== undefined && !refusals.includes(undefined)) throw new RefusedError(refusal);
  }

  async function connectTo(
    addresses: readonly IpAddress[],
    port: number,
    signal: AbortSignal,
    open: OpenSocket,
  ): Promise<Socket> {
    const list = addresses.map(({ family, value }) => ({ family, address: showAddress({ family, value }) }));
    // The name is never given to the system again: the list of checked addresses takes the place of the look-up.
    const socket = open({
      host: 'checked.invalid',
      port: mapPort(port),
      lookup: (_name, _options, callback) => callback(null, list),
      autoSelectFamily: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
      allowHalfOpen: true,
    });
    await connected(socket, 'connect', { timeoutMs: timeouts.connectMs, signal });
    const reached = parseAddress(socket.remoteAddress ?? '');
    if (addresses.some(({ family, value }) => reached?.family === family && reached.value === value)) return socket;
    socket.destroy();
    throw new UnreachableError('the connection was closed');
  }

  return { connect, check, proxyFor, requireNoPrivateName };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('timeout')), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
