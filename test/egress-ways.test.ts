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
import { type Hit, type Machine, outside, startMachine } from './support/wall/machine.ts';
import { listeningPorts, startNeighbours } from './support/wall/neighbours.ts';
import { engineNames, prepareEngine } from './support/wall/walled-job.ts';
import { compileWays } from './support/wall/ways/compile-ways.ts';
import { directWays, kernelWays, socketWays } from './support/wall/ways/past-gateway.ts';
import { allowedRequests, gatewayWays, openPolicy, waysPolicy } from './support/wall/ways/through-gateway.ts';
import { hex, type Way, w } from './support/wall/ways/way.ts';

const table: readonly Way[] = [...directWays, ...kernelWays, ...socketWays, ...gatewayWays];
const twins: readonly Way[] = table.flatMap(({ name, twin }) =>
  twin === undefined ? [] : [{ name: `the twin of: ${name}`, tries: twin }],
);
/** Open in the container: with them, a way is not closed for lack of a program. */
const controls: readonly Way[] = [
  ...twins,
  ...Object.entries(allowedRequests).map(([name, tries]) => ({ name, tries })),
  { name: 'the gateway, on loopback', tries: `${w} tcp 127.0.0.1 7043` },
  { name: 'the socket of the gateway', tries: `${w} unix /plan42-wall/gateway.sock` },
  {
    name: 'the programs that the ways use',
    tries: 'for p in nslookup wget grep find ip timeout; do command -v $p || exit 1; done',
  },
];

/** Connections to the allowed host are no escape, but data must name it: by its Host on port 80, by TLS on port 443. */
function isEscape({ kind, address, port, text = '' }: Hit): boolean {
  // Look-ups by the gateway, of names that it may look up.
  if (kind === 'udp' && port === 53 && text === 'changing.test') return false;
  // Calls of the kernel, which this machine makes itself.
  if (address === '') return false;
  if (address !== outside.allowed) return true;
  if (kind === 'tcp') return port !== 80 && port !== 443;
  if (port === 80) return !/^Host: (allowed|changing)\.test\r$/m.test(text);
  return port !== 443 || !/(allowed|wild|xn--bcher-kva)\.test/i.test(text) || /forbidden/.test(text);
}

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
    if (!directWays.some((way) => way.name === name)) continue;
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
      const { docker } = available;
      await using neighbours = await startNeighbours(prepared, { machine, ways, docker, image: images.agent });
      const all = [
        ...table,
        ...neighbours.ways,
        ...ofHost.addresses.map((address) => ({
          name: `the real machine’s address ${address}`,
          tries: `${w} tcp ${address.includes(':') ? hex(address) : address} ${ofHost.port}`,
        })),
      ];
      const before = machine.hits.length;
      const end = await runJob(script([...all, ...controls]), { policy: waysPolicy });
      const hits = machine.hits.slice(before);
      assert.ok('exitCode' in end, JSON.stringify(end));
      assert.equal(end.startError, undefined, end.log);
      const results = readResults(end.log);
      const outputOf = (index: number, log = end.log) =>
        log.split(`way ${index} `)[1]?.split(/^way /m)[0]?.slice(0, 400) ?? 'not tried';
      for (const [index, way] of all.entries())
        await t.test(way.name, () => {
          const code = results.get(index) ?? 0;
          // 126 and 127: the shell found no program.
          assert.ok(code > 0 && code !== 126 && code !== 127, outputOf(index));
        });
      for (const [offset, { name: control }] of controls.entries()) {
        const index = all.length + offset;
        assert.equal(results.get(index), 0, `${control} is not there: ${outputOf(index)}`);
      }
      await t.test('nothing reached a server that it should not', () => {
        assert.deepEqual(hits.filter(isEscape), []);
        assert.equal(ofHost.count(), 0);
      });

      await t.test('a gateway listens on its socket only: it has no port', async () => {
        assert.deepEqual(await neighbours.gatewayPorts(), []);
        assert.equal((await listeningPorts(process.pid)).length, 1, 'the port of this test would be seen');
      });

      await t.test('ways that the policy closes are open with another policy', async () => {
        const opened = table.filter(({ isOpenByPolicy }) => isOpenByPolicy);
        const { log } = await runJob(script(opened), { policy: openPolicy });
        const codes = readResults(log);
        const closed = opened.filter((_, index) => codes.get(index) !== 0);
        const texts = closed.map((way) => `${way.name}: ${outputOf(opened.indexOf(way), log)}`);
        assert.deepEqual(texts, []);
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
