/**
 * Addresses that the gateway's pod reaches, and that the pod of its job must not reach: evidence for the program `init` there, which
 * finds a network that does not enforce policies by it. Only what answers is evidence.
 */
import { createSocket, type SocketType } from 'node:dgram';
import { getServers } from 'node:dns';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type IpAddress, parseAddress, showAddress } from '../ip-address.ts';
import { closedPort, encodeAddress, nodeVariable } from './channel.ts';

export interface ProbeTarget {
  protocol: 'tcp' | 'udp';
  address: IpAddress;
  port: number;
}

const dnsPort = 53;
/** The node's kubelet, SSH and API servers. */
const nodePorts = [10250, 22, 443, 6443];
const answerMs = 1000;
/** The program `init` has room for so many. */
const maxTargets = 64;
const protocols = { tcp: 6, udp: 17 } as const;

/** Those that answer. @param env the variables that the cluster gives each pod, and {@link nodeVariable} */
export async function findTargets(env: NodeJS.ProcessEnv): Promise<ProbeTarget[]> {
  const candidates = [
    ...ownAddresses().flatMap((address) => both(address, closedPort)),
    ...hosts(getServers()).flatMap((address) => both(address, dnsPort)),
    ...hosts([env['KUBERNETES_SERVICE_HOST']]).map((address) =>
      tcp(address, Number(env['KUBERNETES_SERVICE_PORT']) || 443),
    ),
    ...hosts((env[nodeVariable] ?? '').split(',')).flatMap((address) => nodePorts.map((port) => tcp(address, port))),
  ];
  const answers = await Promise.all(candidates.map((target) => doesAnswer(target).catch(() => false)));
  return candidates.filter((_, n) => answers[n]).slice(0, maxTargets);
}

/** One byte with their number, and 20 bytes for each, as the program `init` reads them. */
export function encodeTargets(targets: readonly ProbeTarget[]): Buffer {
  const encoded = targets.map(({ protocol, address, port }) => {
    const bytes = Buffer.alloc(20);
    bytes[0] = protocols[protocol];
    bytes[1] = address.family;
    bytes.writeUInt16BE(port, 2);
    bytes.write(encodeAddress(address), 4, 'hex');
    return bytes;
  });
  return Buffer.concat([Buffer.from([encoded.length]), ...encoded]);
}

const tcp = (address: IpAddress, port: number): ProbeTarget => ({ protocol: 'tcp', address, port });
const both = (address: IpAddress, port: number): ProbeTarget[] => [
  tcp(address, port),
  { protocol: 'udp', address, port },
];

/** Without a port, which servers of names can have, and without loopback. */
function hosts(texts: readonly (string | undefined)[]): IpAddress[] {
  return texts.flatMap((text) => {
    const address = text === undefined ? undefined : parseAddress(text.replace(/%.*/, ''));
    return address === undefined || /^(127\.|::1$)/.test(showAddress(address)) ? [] : [address];
  });
}

function ownAddresses(): IpAddress[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  // A link's own addresses need the name of the interface.
  const usable = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return hosts(usable.map(({ address }) => address));
}

async function doesAnswer({ protocol, address, port }: ProbeTarget): Promise<boolean> {
  const signal = AbortSignal.timeout(answerMs);
  const host = showAddress(address);
  if (protocol === 'tcp') {
    using socket = disposable(connect({ host, port }), (socket) => socket.destroy());
    await once(socket.of, 'connect', { signal });
    return true;
  }
  const type: SocketType = address.family === 4 ? 'udp4' : 'udp6';
  using socket = disposable(createSocket(type), (socket) => socket.close());
  socket.of.send(question, port, host);
  await once(socket.of, 'message', { signal });
  return true;
}

/** Asks for the name servers of the root, as `init` does. */
const question = Buffer.from([0x70, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]);

function disposable<T>(of: T, end: (of: T) => void): { of: T } & Disposable {
  return { of, [Symbol.dispose]: () => end(of) };
}
