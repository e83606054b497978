/** Server and runner with clocks that are wrong, or jump while a job runs: no job fails, and no token is locked out. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { callServer } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { FakeDate, libfaketime } from './support/fake-date.ts';
import type { Json } from './support/json.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

const skip = libfaketime === undefined && 'missing prerequisite: libfaketime: there is no libfaketime.so.1';
const agent = join(import.meta.dirname, '../examples/sample-agent/agent.ts');
const year = 365 * 86_400_000;

test('clocks that are wrong or jump fail no job and lock no token out', { skip }, async () => {
  await using folder = await makeTempDir();
  const serverDate = await FakeDate.create(join(folder.path, 'server-date'), '+2y');
  const runnerDate = await FakeDate.create(join(folder.path, 'runner-date'), '+2y');
  const start = () => ServerProcess.start(join(folder.path, 'data'), port, [], undefined, serverDate.env);
  let port = 0;
  let server = await start();
  port = Number(new URL(server.url).port);
  await using _stop = { [Symbol.asyncDispose]: () => server.stop() };
  const { tenantId, runnerId, tenantToken } = JSON.parse(await readFile(join(server.dataDir, 'admin.json'), 'utf8'));
  const call = async (method: string, path: string, options: { body?: object; token?: string } = {}): Promise<Json> => {
    const { status, body } = await callServer(server.url, method, `/v1/tenants/${tenantId}${path}`, {
      token: tenantToken,
      ...options,
    });
    assert.ok(status < 300, `${method} ${path}: ${status} ${body.Message}`);
    return body;
  };
  /** Moves the date of the server, and returns once it has moved. */
  const moveServer = async (offset: string, offsetMs: number) => {
    await serverDate.set(offset);
    await eventually(async () => {
      const date = (await fetch(server.url)).headers.get('date') ?? '';
      return Math.abs(Date.parse(date) - Date.now() - offsetMs) < 30_000;
    });
  };
  const newToken = async (): Promise<string> =>
    (await call('PUT', `/runners/${runnerId}/tokens/${randomUUID()}`, { body: {} })).Token;
  const standstills = () => server.log.split('server stood still').length - 1;
  const noticed = (count: number) => eventually(async () => standstills() >= count, 30_000);

  const tokenOfTheFuture = await newToken();
  await moveServer('+0', 0);
  await call('GET', '');
  await call('GET', '', { token: tokenOfTheFuture });
  const token = await newToken();
  await moveServer('-5', -5000);
  await call('GET', '', { token });
  await server.stop();
  server = await start();
  await call('GET', '', { token });

  // By its own date, which is two years ahead, the token of the runner has expired.
  const release = join(folder.path, 'release');
  const script = `until [ -e ${release} ]; do sleep 0.1; done; exec "$0" "$1"`;
  const command = JSON.stringify(['/bin/sh', '-c', script, process.execPath, agent]);
  await using runner = await RunnerProcess.start({
    url: server.url,
    token,
    runtime: 'host',
    config: `[host]\nunisolated = true\ncommand = ${command}\n[queues]\npoll_wait = "1s"\ndrain_time = "300ms"\n`,
    env: runnerDate.env,
  });
  await runner.ready();
  assert.match(runner.log, /ERROR runner token has expired by the local clock/);
  await runnerDate.set('+0');

  const environment = randomUUID();
  await call('PUT', `/environments/${environment}`, { body: { Name: 'e', DockerImage: 'example/agent' } });
  const startTask = async () => {
    const id = randomUUID();
    await call('PUT', `/tasks/${id}`, { body: { Title: 't', Prompt: 'words', EnvironmentId: environment } });
    return id;
  };
  const statusOf = async (task: string) => (await call('GET', `/tasks/${task}/turns/1`)).Status;
  const task = await startTask();
  await runner.logged(/job started/);

  const before = standstills();
  await moveServer('+10m', 600_000);
  await noticed(before + 1);
  // Later than any date that the runner may have seen last.
  await runnerDate.set('+3y');
  await runner.logged(/resumed from sleep, reconnecting/);
  await Promise.all([moveServer('-10m', -600_000), runnerDate.set('-10m')]);
  await call('GET', '', { token });
  await moveServer('+2y', 2 * year);
  await noticed(before + 2);
  await runner.logged(/runner token rejected error="[^"]*the token expired at \S+; the clock of the server says 20/);
  assert.notEqual(await statusOf(task), 'Failed');

  // The agent finishes its turn while the date of the server is two years ahead.
  await writeFile(release, '');
  await eventually(async () => (await statusOf(task)) === 'Completed', 30_000);

  await Promise.all([moveServer('+0', 0), runnerDate.set('+0')]);
  const second = await startTask();
  await eventually(async () => (await statusOf(second)) === 'Completed', 60_000);
  assert.doesNotMatch(server.log, /no heartbeat from agent/);
});
