/**
 * Ways around the wall, tried by root in a job's container on each engine. The table is the threat model: a line for each
 * way, with the command that would succeed if it were open. Real servers outside count what reaches them.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, suite, test } from 'node:test';
import { run } from './support/engines/processes.ts';
import { engines } from './support/engines-client.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { compileWays } from './support/wall/compile-ways.ts';
import { type Hit, type Machine, ofMachine, outside, startMachine } from './support/wall/machine.ts';
import { engineNames, prepareEngine } from './support/wall/walled-job.ts';

interface Way {
  name: string;
  /** Commands in the container. Their last one fails if the way is closed. */
  tries: string;
  /** Whether the machine itself can go this way, so that the test would see it. */
  isOpenOutside?: boolean;
}

const w = '/given/ways';
const hex = (address: string) => {
  const groups = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - groups.flat().length }, () => '0');
  return [...(groups[0] ?? []), ...zeros, ...(groups[1] ?? [])].map((group) => group.padStart(4, '0')).join('');
};
const ipv6 = hex(outside.ipv6);
const open = true;

const direct: Way[] = [
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

const ofKernel: Way[] = [
  { name: 'address families without namespaces', tries: `${w} families`, isOpenOutside: open },
  { name: 'pairs of such families', tries: `${w} pairs` },
  { name: 'such families by the x32 ABI', tries: `${w} x32` },
  { name: 'such families by 32-bit system calls', tries: `${w} compat`, isOpenOutside: open },
  { name: 'such families by socketcall', tries: `${w} socketcall`, isOpenOutside: open },
  { name: 'io_uring', tries: `${w} io-uring`, isOpenOutside: open },
  { name: 'names that the kernel resolves (request_key)', tries: `${w} request-key`, isOpenOutside: open },
  { name: 'a tunnel device', tries: `${w} tunnel`, isOpenOutside: open },
  { name: 'a frame on another interface', tries: `${w} frame` },
  { name: 'a user namespace with a network', tries: `${w} user-namespace ${outside.forbidden} 443` },
  { name: 'another network namespace', tries: `for n in /proc/[0-9]*/ns/net; do ${w} setns $n && break; done` },
  { name: 'a new interface', tries: 'ip link add dummy0 type dummy' },
  { name: 'a new route', tries: 'ip route add default dev lo' },
  { name: 'a writable folder of the wall', tries: `${w} remount || echo x >/plan42-wall/x || rm -f /plan42-wall/init` },
  { name: 'a removed socket of the gateway', tries: 'rm /plan42-wall/gateway.sock' },
  { name: 'the policy of the gateway', tries: 'cat /plan42-wall/../policy.json /plan42-wall/policy.json' },
  { name: 'an interface other than the loopback', tries: 'ip -o link | grep -v "lo:.*LOOPBACK" | grep UP' },
];

const ofSockets: Way[] = [
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

/** A request by the forwarder, and by the mounted socket itself. Closed: nothing of the server comes back. */
const proxied = (name: string, request: string): Way => ({
  name,
  tries: `printf '${request}' | timeout 5 nc 127.0.0.1 7043 | grep reached`,
});
const connect = (to: string) => `CONNECT ${to} HTTP/1.1\\r\\nHost: ${to}\\r\\n\\r\\nGET / HTTP/1.1\\r\\n\\r\\n`;

const throughGateway: Way[] = [
  proxied('CONNECT to another host', connect('forbidden.test:443')),
  proxied('CONNECT to a bare address', connect(`${outside.forbidden}:443`)),
  proxied('CONNECT to the address of an allowed host', connect(`${outside.allowed}:443`)),
  proxied('CONNECT to another port', connect('allowed.test:22')),
  proxied('CONNECT to a name on the loopback', connect('loopback.test:7042')),
  proxied('CONNECT to a private name', connect('private.test:80')),
  proxied('CONNECT to a metadata name', connect('metadata.test:80')),
  proxied('CONNECT to localhost', connect('localhost:7042')),
  proxied('a plain request to another host', 'GET http://forbidden.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'),
];

/** Open in the container: with them, a way is not closed for lack of a program. */
const controls: Way[] = [
  { name: 'the gateway, on loopback', tries: `${w} tcp 127.0.0.1 7043` },
  {
    name: 'an allowed host, by the gateway',
    tries: `(printf 'GET http://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n\\r\\n'; sleep 1) | nc -w 5 127.0.0.1 7043 | grep reached`,
  },
  { name: 'the socket of the gateway', tries: `${w} unix /plan42-wall/gateway.sock` },
  {
    name: 'the programs that the ways use',
    tries: 'for p in nslookup wget nc find ip timeout; do command -v $p || exit 1; done',
  },
];

const table = [...direct, ...ofKernel, ...ofSockets, ...throughGateway];
/** All but the request of a control. */
const isEscape = ({ address, port }: Hit) => address !== '' && !(address === outside.allowed && port === 80);

/** Runs every way in one shell, each in its own. */
function script(ways: readonly Way[]): string {
  return ways
    .map(({ tries }, index) => `( ${tries} ) >/tmp/out 2>&1; echo "way ${index} $?"; sed 's/^/  /' /tmp/out\n`)
    .join('');
}

function readResults(output: string): Map<number, number> {
  const lines = [...output.matchAll(/^way (\d+) (\d+)$/gm)];
  return new Map(lines.map(([, index, code]) => [Number(index), Number(code)]));
}

const undo = new AsyncDisposableStack();
after(() => undo.disposeAsync());
let shared: Promise<{ machine: Machine; ways: string }> | undefined;
const setUp = () =>
  (shared ??= (async () => {
    const dir = undo.use(await makeTempDir());
    const machine = undo.use(await startMachine(AbortSignal.timeout(30_000)));
    return { machine, ways: await compileWays(dir.path) };
  })());

test('the machine itself can go these ways, and the servers see it', async (t) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return t.skip('missing prerequisite: root on Linux');
  const { machine, ways } = await setUp();
  for (const { name, tries } of table.filter(({ isOpenOutside }) => isOpenOutside)) {
    const before = machine.hits.length;
    const [command = '', ...args] = machine.command(['sh', '-c', tries.replaceAll(w, ways)]);
    await run(command, args).catch((error: unknown) => assert.fail(`${name}: ${String(error)}`));
    // All but calls of the kernel, of which no packet comes.
    if (!direct.some((way) => way.name === name)) continue;
    while (machine.hits.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

for (const name of engineNames) {
  suite(name, () => {
    test('no way leads around the wall', async (t) => {
      const available = await engines();
      const { registry, images } = available;
      const engine = name === 'docker' ? available.docker : available.podman;
      if (!registry || !images || !engine) return t.skip(`missing prerequisite: ${name}`);
      const { machine, ways } = await setUp();
      await using prepared = await prepareEngine(name, machine, { ...available, images }, ways);
      const { runJob } = prepared;
      await using ofHost = await listenOnRealMachine();
      const all = [
        ...table,
        ...ofHost.addresses.map((address) => ({
          name: `the real machine’s address ${address}`,
          tries: `${w} tcp ${address.includes(':') ? hex(address) : address} ${ofHost.port}`,
        })),
      ];
      const before = machine.hits.length;
      const end = await runJob(script([...all, ...controls]));
      assert.ok('exitCode' in end, JSON.stringify(end));
      assert.equal(end.startError, undefined, end.log);
      const results = readResults(end.log);
      for (const [index, way] of all.entries())
        await t.test(way.name, () => {
          const code = results.get(index) ?? 0;
          // 126 and 127: the shell found no program.
          assert.ok(
            code > 0 && code !== 126 && code !== 127,
            end.log.split(`way ${index} `)[1]?.slice(0, 400) ?? 'not tried',
          );
        });
      for (const [index, { name: control }] of controls.entries())
        assert.equal(results.get(all.length + index), 0, `${control} is not there`);
      await t.test('nothing reached a server that it should not', () => {
        assert.deepEqual(machine.hits.slice(before).filter(isEscape), []);
        assert.equal(ofHost.count(), 0);
      });
    });
  });
}

/** A service on every address of the real machine, as its own services are. */
async function listenOnRealMachine() {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  const abstract = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  server.listen(0, '::');
  abstract.listen('\0plan42-test-abstract');
  await Promise.all([once(server, 'listening'), once(abstract, 'listening')]);
  const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));
  return {
    addresses: [...new Set(addresses)].filter((address) => !address.startsWith('fe80')),
    port: (server.address() as { port: number }).port,
    count: () => count,
    [Symbol.asyncDispose]: async () => {
      server.close();
      abstract.close();
    },
  };
}
