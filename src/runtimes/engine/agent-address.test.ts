import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fakeRun } from '../../../test/support/fake-engine.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { toAgentAddress } from './agent-address.ts';
import { dockerRoute } from './docker-route.ts';
import { podmanRoute } from './podman-route.ts';

const no = async () => false;
const yes = async () => true;

describe('from containers of docker, this machine is', () => {
  const gateway = (args: string) =>
    args.startsWith('info') ? 'Debian GNU/Linux 12;[name=seccomp]' : 'false;fd00::1 172.17.0.1 ';
  const linux = { isRemote: no, platform: 'linux' } as const;
  const bridge = { kind: 'name', name: 'host.docker.internal', address: '172.17.0.1', isBridge: true };

  test('the gateway of their network', async () => {
    const run = fakeRun(gateway);
    assert.deepEqual(await dockerRoute(undefined, { run, ...linux }), bridge);
    assert.deepEqual(await dockerRoute('mine', { run, ...linux }), bridge);
    assert.deepEqual(
      run.calls.filter((call) => call.startsWith('network')).map((call) => call.split(' ').at(-1)),
      ['bridge', 'mine'],
    );
  });

  test('a name of Docker Desktop', async () => {
    const named = { kind: 'name', name: 'host.docker.internal' };
    assert.deepEqual(await dockerRoute(undefined, { run: fakeRun(gateway), isRemote: no, platform: 'darwin' }), named);
    const desktop = fakeRun(() => 'Docker Desktop;[]');
    assert.deepEqual(await dockerRoute(undefined, { run: desktop, ...linux }), named);
  });

  test('loopback on the machine’s network, and nothing without a way', async () => {
    const run = fakeRun(gateway);
    assert.deepEqual(await dockerRoute('host', { run, ...linux }), { kind: 'loopback' });
    const rootless = fakeRun((args) => (args.startsWith('info') ? 'Debian;[name=rootless]' : gateway(args)));
    const internal = fakeRun((args) => (args.startsWith('info') ? gateway(args) : 'true;172.18.0.1 '));
    const [listen, setNetwork] = [/plan42 server start --listen/, /^Set jobs\.network/];
    for (const [reason, route, remedy] of [
      [/"none"/, dockerRoute('none', { run, ...linux }), setNetwork],
      [/"container:web"/, dockerRoute('container:web', { run, ...linux }), setNetwork],
      [/"inner"/, dockerRoute('inner', { run: internal, ...linux }), setNetwork],
      [/another machine/, dockerRoute(undefined, { run, ...linux, isRemote: yes }), listen],
      [/rootless Docker/, dockerRoute(undefined, { run: rootless, ...linux }), listen],
      [/no gateway/, dockerRoute(undefined, { run: fakeRun(() => undefined), ...linux }), listen],
    ] as const) {
      const found = await route;
      assert.ok(found.kind === 'none');
      assert.match(found.reason, reason);
      assert.match(found.remedy, remedy);
    }
  });
});

describe('from containers of podman, this machine is', () => {
  const name = 'host.containers.internal';
  const netavark = JSON.stringify([{ subnets: [{ subnet: '10.88.0.0/16', gateway: '10.88.0.1' }] }], undefined, 1);

  async function routeFrom(network: string | undefined, given: { conf?: string; isRootless?: boolean; cmd?: string }) {
    await using dir = await makeTempDir();
    const file = join(dir.path, 'containers.conf');
    await writeFile(file, given.conf ?? '');
    const run = fakeRun((args) => (args.startsWith('network') ? netavark : given.cmd));
    const env = { CONTAINERS_CONF: file };
    const { isRootless = false } = given;
    return await podmanRoute(network, { run, isRemote: no, env, port: 7042, platform: 'linux', isRootless });
  }

  const slirp = { kind: 'name', name, address: '10.0.2.2' };
  const cases: [string, string | undefined, Parameters<typeof routeFrom>[1], object][] = [
    ['a bridge', undefined, {}, { kind: 'name', name, address: '10.88.0.1', isBridge: true }],
    ['the machine’s network', 'host', {}, { kind: 'loopback' }],
    ['the machine’s network by default', undefined, { conf: '[containers]\nnetns = "host"' }, { kind: 'loopback' }],
    ['an open slirp4netns', 'slirp4netns:mtu=9000,allow_host_loopback=true', {}, slirp],
    [
      'a slirp4netns that containers.conf opens',
      undefined,
      { isRootless: true, conf: '[engine]\nnetwork_cmd_options = ["allow_host_loopback=true"]' },
      slirp,
    ],
    ['pasta', undefined, { isRootless: true, cmd: 'pasta' }, { kind: 'loopback', network: 'pasta:-T,7042' }],
    ['pasta with options', 'pasta:-4', {}, { kind: 'loopback', network: 'pasta:-4,-T,7042' }],
  ];
  for (const [what, network, given, expected] of cases) {
    test(`reachable by ${what}`, async () => assert.deepEqual(await routeFrom(network, given), expected));
  }

  test('not reachable without a way, and the remedy is named', async () => {
    for (const [network, given, reason, remedy] of [
      [undefined, { isRootless: true }, /slirp4netns does not reach/, /allow_host_loopback=true/],
      ['none', {}, /"none"/, /^Set jobs\.network/],
      ['mine', { isRootless: true }, /bridge of rootless Podman/, /plan42 server start/],
    ] as const) {
      const route = await routeFrom(network, given);
      assert.ok(route.kind === 'none');
      assert.match(route.reason, reason);
      assert.match(route.remedy, remedy);
    }
  });
});

test('the agent gets a URL with the name of the machine', () => {
  const url = new URL('http://127.0.0.1:7042/plan42/');
  const address = toAgentAddress(url, { kind: 'name', name: 'host.example', address: '10.0.0.1' });
  assert.ok(address.reason === undefined);
  assert.deepEqual(address.options, [
    '--add-host',
    'host.example:10.0.0.1',
    '--env',
    'PLAN42_URL=http://host.example:7042/plan42',
  ]);
  assert.equal(url.hostname, '127.0.0.1');
});
