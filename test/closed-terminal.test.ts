/** The terminal of a program is closed, or accepts no output. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { JobStore } from '../src/jobs/store.ts';
import { type Answer, callServer, startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { makeRecord } from './support/job-record.ts';
import { healthyQueues, listQueues, PingLoad } from './support/ping-load.ts';
import { requiresCommands } from './support/requires-command.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { startTerminal, type Terminal } from './support/terminal.ts';

const bin = join(import.meta.dirname, '../bin');

suite('terminals', { timeout: 180_000, concurrency: 3 }, () => {
  test('a runner whose terminal is closed drains', async (t) => {
    await using place = await setUp(t);
    if (place === undefined) return;
    await place.start(['plan42', 'runner', 'exec', ...(await place.runnerArgs())]);
    await place.queueIsHealthy();
    await place.closeTerminal();
    assert.equal(await place.exitCode(), 0);
    assert.deepEqual(await listQueues(place.plane), []);
    assert.match(await place.serviceLog(), / draining trigger="terminal closed" .*\n(.*\n)*.* runner stopped /);
  });

  test('a runner whose terminal accepts no output responds, and reloads at SIGHUP', async (t) => {
    await using place = await setUp(t);
    if (place === undefined) return;
    const terminal = await place.start(['plan42', 'runner', 'exec', ...(await place.runnerArgs())]);
    await place.queueIsHealthy();
    await terminal.shows('runner ready');
    await terminal.press('C-s');
    process.kill(await place.pid(), 'SIGHUP');
    await eventually(async () => (await place.serviceLog()).includes('configuration reloaded'));
    await using load = new PingLoad(place.plane);
    await eventually(async () => (await load.ping()) === 'answered');
    assert.doesNotMatch(await terminal.screen(), /configuration reloaded/);
    await terminal.press('C-q');
    await terminal.shows('configuration reloaded');
    await terminal.press('C-c');
    assert.equal(await place.exitCode(), 0);
  });

  test('a runner started with nohup outlives its terminal', async (t) => {
    await using place = await setUp(t);
    if (place === undefined) return;
    await place.start(['nohup', 'plan42', 'runner', 'exec', ...(await place.runnerArgs())]);
    await place.queueIsHealthy();
    await place.closeTerminal();
    await eventually(async () => (await place.serviceLog()).includes('configuration reloaded'));
    await using load = new PingLoad(place.plane);
    await eventually(async () => (await load.ping()) === 'answered');
    process.kill(await place.pid(), 'SIGTERM');
    assert.equal(await place.exitCode(), 0);
    assert.match(await place.serviceLog(), / draining trigger=SIGTERM /);
  });

  test('a server whose terminal is closed stops; with nohup it does not', async (t) => {
    await using place = await setUp(t);
    if (place === undefined) return;
    const start = ['plan42', 'server', 'start', '--listen', '127.0.0.1:0', '--data', join(place.folder, 'data')];
    const terminal = await place.start(start);
    await terminal.shows('Ctrl-C stops the server');
    await place.closeTerminal();
    assert.equal(await place.exitCode(), 0);

    const again = await place.start(['nohup', ...start]);
    await again.shows('nohup.out');
    const output = () => readFile(join(place.folder, 'nohup.out'), 'utf8').catch(() => '');
    const [, url = ''] = await eventually(async () => /Plan42 server: (\S+)\n/.exec(await output()) ?? undefined);
    await place.closeTerminal();
    await eventually(async () => (await output()).includes('nothing to reload, ignoring SIGHUP'));
    const answer: Answer = await callServer(url, 'GET', '/v1/nothing', {});
    assert.equal(answer.status, 404);
    process.kill(await place.pid(), 'SIGTERM');
    assert.equal(await place.exitCode(), 0);
  });

  test('the configuration screen ends with its terminal', async (t) => {
    await using place = await setUp(t);
    if (place === undefined) return;
    const terminal = await place.start(['plan42', 'runner', 'config']);
    await terminal.shows('Server URL');
    await place.closeTerminal();
    assert.equal(await place.exitCode(), 130);
  });

  test('a command that follows a log ends with its terminal', async (t) => {
    await using place = await setUp(t);
    if (place === undefined) return;
    const { folder } = place;
    const store = await JobStore.open(folder, join(folder, 'logs'));
    const record = makeRecord({});
    await store.create(record, { request: '{}', agentToken: 't' });
    await writeFile(store.paths(record.jobId).logFile, 'a line\n');
    const terminal = await place.start(['plan42', 'runner', 'job', 'logs', '-f', '--state-dir', folder, record.jobId]);
    await terminal.shows('a line');
    await place.closeTerminal();
    // It may notice the closed output before the signal.
    assert.ok([0, 130].includes(await place.exitCode()));
  });
});

// Ignores SIGHUP itself, which Node.js resets, in order to write down the exit code.
const shell = `
trap '' HUP
trap : INT
cd "$HOME"
sh -c 'echo $$ >pid; exec "$@"' sh "$@"
echo $? >exit-code.new
mv exit-code.new exit-code
`;

async function setUp(t: TestContext) {
  if (!(await requiresCommands(t, 'tmux', 'nohup'))) return undefined;
  await using resources = new AsyncDisposableStack();
  const plane: TestControlPlane = resources.use(await startControlPlane());
  const dir = resources.use(await makeTempDir());
  const folder = dir.path;
  let terminal: Terminal | undefined;
  const closeTerminal = async () => terminal?.[Symbol.asyncDispose]();
  resources.defer(closeTerminal);
  const all = resources.move();
  const read = (name: string) => readFile(join(folder, name), 'utf8').catch(() => '');
  return {
    plane,
    folder,
    closeTerminal,
    start: async (command: readonly string[]) => {
      await rm(join(folder, 'exit-code'), { force: true });
      terminal = await startTerminal({
        command: ['/bin/sh', '-c', shell, 'sh', ...command],
        env: { HOME: folder, PATH: `${bin}:${process.env['PATH']}` },
        columns: 200,
        rows: 40,
      });
      return terminal;
    },
    runnerArgs: async () => {
      const file = join(folder, 'plan42-runner.toml');
      const token = await plane.newToken();
      const text = `[runner]\nurl = "${plane.server.url}"\ntoken = "${token}"\nruntime = "host"
[host]\nunisolated = true\ncommand = ["/bin/true"]\n[queues]\npoll_wait = "1s"\ndrain_time = "300ms"\n`;
      await writeFile(file, text, { mode: 0o600 });
      return ['-c', file, '--state-dir', join(folder, 'state')];
    },
    queueIsHealthy: () => eventually(async () => (await healthyQueues(plane)).length > 0),
    serviceLog: () => read('state/logs/runner.log'),
    pid: async () => Number(await read('pid')),
    /** Waits until the command has exited. */
    exitCode: () => eventually(async () => (await read('exit-code')) || undefined).then(Number),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
