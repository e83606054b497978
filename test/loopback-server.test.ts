/** The first use, as the README describes it: a server on loopback, and agents in containers on the engine's default network. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { makeSampleImage } from '../examples/sample-agent/image.ts';
import { findBridges } from '../src/server/http/bridges.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

const plan42 = join(import.meta.dirname, '../bin/plan42');
const sampleAgent = join(import.meta.dirname, '../dist/js/plan42-sample-agent.mjs');
const sampleImage = 'localhost/plan42-sample-agent:loopback-test';
const execute = promisify(execFile);

interface Setting extends AsyncDisposable {
  runner: RunnerProcess;
  server: ServerProcess;
  /** Creates a task and follows it to its end; returns what is printed. */
  runTask: () => Promise<string>;
}

async function setUp(
  t: TestContext,
  name: 'podman' | 'docker',
  { jobs = '', serverOptions = [], agent }: { jobs?: string; serverOptions?: string[]; agent?: string } = {},
): Promise<Setting | undefined> {
  const engines = await requires(t, name, 'registry');
  if (!engines) return undefined;
  const { env } = engines[name];
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await makeTempDir());
  const image = agent === undefined ? engines.images.agent : sampleImage;
  if (agent !== undefined) {
    const folder = join(dir.path, 'image');
    await mkdir(folder);
    await makeSampleImage({ engine: name, name: image, agent, folder, env: { ...process.env, ...env } });
    undo.defer(async () => void (await run(name, ['rmi', '--force', image], { env })));
  }
  const data = join(dir.path, 'data');
  const server = undo.use(await ServerProcess.start(data, 0, serverOptions));
  const { stdout: token } = await execute(plan42, ['server', 'token', 'create', '--data', data]);
  const config = `[images]\npull_policy = "if-not-present"\n[jobs]\n${jobs}`;
  const runner = undo.use(
    await RunnerProcess.start({ url: server.url, token: token.trim(), runtime: name, config, env }),
  );
  await runner.ready();
  const prompt = agent === undefined ? '@@exit 3@@' : 'Say hello.';
  const create = ['server', 'task', 'create', '--data', data, '--image', image, '--prompt', prompt, '--follow'];
  const owned = undo.move();
  return {
    runner,
    server,
    runTask: async () => {
      const { stdout, stderr } = await execute(plan42, create).catch(
        (error: { stdout: string; stderr: string }) => error,
      );
      return stdout + stderr;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

for (const name of ['podman', 'docker'] as const) {
  suite(name, () => {
    test('an agent on the default network reaches the server', async (t) => {
      await using setting = await setUp(t, name, { agent: sampleAgent });
      if (!setting) return;
      assert.match(await setting.runTask(), /^Your prompt has 2 words[\s\S]*^\[turn 1\] Completed$/m);
      assert.ok(!setting.runner.log.includes('agents cannot reach the server'), setting.runner.log);
    });

    test('if there is no way, the log and the turn name the reason and a remedy', async (t) => {
      await using setting = await setUp(t, name, { jobs: 'network = "none"\n' });
      if (!setting) return;
      await setting.runner.logged(/agents cannot reach the server .*reason="?a container on the network .*none/);
      const printed = await setting.runTask();
      assert.match(
        printed,
        /without finishing its turn\. It cannot reach the server: a container on the network "none"/,
      );
      assert.match(printed, /Set jobs\.network to a network that reaches the server/);
    });
  });
}

test('a server that does not listen for containers is named as the reason', async (t) => {
  await using setting = await setUp(t, 'docker', { serverOptions: ['--no-containers'] });
  if (!setting) return;
  await setting.runner.logged(/agents cannot reach the server .*the server does not listen on 10\.\S+:\d+/);
  assert.match(await setting.runTask(), /the server does not listen on .*Start it with "plan42 server start", without/);
});

test('the bridge of an engine accepts its containers, and no other addresses', async (t) => {
  const engines = await requires(t, 'docker');
  if (!engines) return;
  await using dir = await makeTempDir();
  await using server = await ServerProcess.start(join(dir.path, 'data'));
  const port = Number(new URL(server.url).port);
  const [bridge] = await findBridges();
  assert.ok(bridge);
  const call = async (localAddress: string) => {
    const socket = connect({ host: bridge.address, port, localAddress });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    let answer = '';
    socket
      .on('error', () => {})
      .on('data', (data) => {
        answer += data.toString();
      });
    socket.write('GET /v1/current-user HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await closed;
    return answer;
  };
  assert.match(await call(bridge.address), /^HTTP\/1\.1 401 /);
  // As another machine would, if its packets were routed to the bridge.
  const isElsewhere = ({ address, family, internal }: { address: string; family: string; internal: boolean }) =>
    family === 'IPv4' && !internal && !bridge.includes(address);
  const outside = Object.entries(networkInterfaces()).flatMap(([name, all = []]) =>
    name.startsWith('docker') ? [] : all.filter(isElsewhere),
  );
  for (const { address } of outside) assert.equal(await call(address), '', address);
  assert.equal(await call('127.0.0.1'), '');
  const sockets = await readFile('/proc/net/tcp', 'utf8');
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  assert.ok(!sockets.includes(` 00000000:${hex} `), 'it listens on no wildcard address');
});
