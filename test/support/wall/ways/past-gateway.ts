/** Ways that do not use the gateway: past it, around the network namespace, and by sockets that are mounted. */
import { ofMachine, outside } from '../machine.ts';
import { hex, type Way, w } from './way.ts';

const ipv6 = hex(outside.ipv6);
const open = true;

export const directWays: readonly Way[] = [
  { name: 'TCP to a server on the internet', tries: `${w} tcp ${outside.forbidden} 443`, isOpenOutside: open },
  { name: 'TCP to an allowed server, past the gateway', tries: `${w} tcp ${outside.allowed} 443`, isOpenOutside: open },
  { name: 'TCP to another port', tries: `${w} tcp ${outside.forbidden} 22`, isOpenOutside: open },
  { name: 'TCP to a private network', tries: `${w} tcp ${outside.private} 80`, isOpenOutside: open },
  { name: 'TCP to the metadata address', tries: `${w} tcp ${outside.metadata} 80`, isOpenOutside: open },
  { name: 'TCP by IPv6', tries: `${w} tcp ${ipv6} 443`, isOpenOutside: open },
  { name: 'UDP', tries: `${w} udp ${outside.forbidden} 9999`, isOpenOutside: open },
  { name: 'UDP by IPv6', tries: `${w} udp ${ipv6} 9999`, isOpenOutside: open },
  { name: 'QUIC', tries: `${w} udp ${outside.allowed} 443`, isOpenOutside: open },
  { name: 'DNS to a resolver outside', tries: `${w} udp ${outside.forbidden} 53`, isOpenOutside: open },
  { name: 'DNS by TCP', tries: `${w} tcp ${outside.forbidden} 53`, isOpenOutside: open },
  { name: 'the resolver of the machine', tries: `${w} udp ${outside.allowed} 53`, isOpenOutside: open },
  { name: 'a name of the system resolver', tries: 'timeout 3 nslookup secret.example' },
  { name: 'broadcast', tries: `${w} udp 255.255.255.255 9999` },
  { name: 'multicast', tries: `${w} udp 224.0.0.251 9999` },
  { name: 'ICMP', tries: `${w} echo ${outside.forbidden} 0` },
  { name: 'raw ICMP', tries: `${w} raw-echo ${outside.forbidden} 0`, isOpenOutside: open },
  { name: 'raw ICMPv6', tries: `${w} raw-echo ${ipv6} 0`, isOpenOutside: open },
  { name: 'unset proxy variables', tries: `env -i wget -T 3 -O - http://${outside.forbidden}/` },
  { name: 'the machine’s address', tries: `${w} tcp ${ofMachine.ipv4} 7042`, isOpenOutside: open },
  { name: 'the machine’s IPv6 address', tries: `${w} tcp ${hex(ofMachine.ipv6)} 7042`, isOpenOutside: open },
  { name: 'a service on the machine’s loopback', tries: `${w} tcp 127.0.0.1 7042`, isOpenOutside: open },
  { name: 'a service on the machine’s IPv6 loopback', tries: `${w} tcp ${hex('::1')} 7042`, isOpenOutside: open },
  ...['172.17.0.1', '10.88.0.1', '10.0.2.2', '192.168.127.254'].map((address) => ({
    name: `the engine’s usual address ${address}`,
    tries: `${w} tcp ${address} 7042`,
  })),
];

export const kernelWays: readonly Way[] = [
  { name: 'address families without namespaces', tries: `${w} families`, isOpenOutside: open },
  { name: 'pairs of such families', tries: `${w} pairs` },
  { name: 'such families by the x32 ABI', tries: `${w} x32` },
  { name: 'such families by 32-bit system calls', tries: `${w} compat`, isOpenOutside: open },
  { name: 'such families by socketcall', tries: `${w} socketcall`, isOpenOutside: open },
  { name: 'io_uring', tries: `${w} io-uring`, isOpenOutside: open },
  { name: 'names that the kernel resolves (request_key)', tries: `${w} request-key`, isOpenOutside: open },
  { name: 'keyrings of the user, which jobs share', tries: `${w} keyring`, isOpenOutside: open },
  { name: 'such keyrings by 32-bit system calls', tries: `${w} compat-keyring`, isOpenOutside: open },
  { name: 'a tunnel device', tries: `${w} tunnel`, isOpenOutside: open },
  { name: 'a frame on another interface', tries: `${w} frame` },
  ...['unshare', 'clone', 'clone3', 'compat-unshare', 'compat-clone', 'compat-clone3'].map((call) => ({
    name: `a user namespace of its own, by ${call}`,
    tries: `${w} ${call}`,
    isOpenOutside: open,
  })),
  { name: 'another network namespace', tries: `for n in /proc/[0-9]*/ns/net; do ${w} setns $n && break; done` },
  { name: 'a new interface', tries: 'ip link add dummy0 type dummy' },
  { name: 'a new route', tries: 'ip route add default dev lo' },
  { name: 'a writable folder of the wall', tries: `${w} remount || echo x >/plan42-wall/x || rm -f /plan42-wall/init` },
  { name: 'a removed socket of the gateway', tries: 'rm /plan42-wall/gateway.sock' },
  { name: 'the policy of the gateway', tries: 'cat /plan42-wall/../policy.json /plan42-wall/policy.json' },
  { name: 'an interface other than the loopback', tries: 'ip -o link | grep -v "lo:.*LOOPBACK" | grep UP' },
];

export const socketWays: readonly Way[] = [
  { name: 'an abstract socket of the machine', tries: `${w} abstract plan42-test-abstract` },
  ...[
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    '/run/containerd/containerd.sock',
    '/run/dbus/system_bus_socket',
  ].map((path) => ({ name: `the socket ${path}`, tries: `${w} unix ${path}` })),
  {
    name: 'any socket below the mounts',
    tries: 'find / -path /proc -prune -o -type s -print | grep -v ^/plan42-wall/gateway.sock',
  },
];
