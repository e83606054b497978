/** `/metrics` of a runner that works: every number that the documentation names, and no other. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { startTask } from './support/tasks.ts';

// A value may be written as 1.5e-7.
const line = /^([a-z_0-9]+)(?:\{((?:[a-z_]+="[^"\\\n]*",?)+)\})? ([-+.e0-9]+)$/;

/** Values by name and labels, as they are in the text. */
async function read(port: number): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  assert.equal(response.status, 200);
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  for (const text of (await response.text()).trimEnd().split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-z_0-9]+) (.+)$/.exec(text);
    if (comment?.[1] === 'TYPE') types.set(comment[2] ?? '', comment[3] ?? '');
    if (comment) continue;
    const [, name = '', labels, value] = line.exec(text) ?? assert.fail(`not a sample: ${text}`);
    assert.equal(types.get(name), name.endsWith('_total') ? 'counter' : 'gauge', name);
    const key = labels === undefined ? name : `${name}{${labels}}`;
    assert.ok(!values.has(key), `twice: ${key}`);
    values.set(key, Number(value));
  }
  return values;
}

async function documented(): Promise<string[]> {
  const text = await readFile(join(import.meta.dirname, '../docs/operations.md'), 'utf8');
  const section = text.split('### Metrics\n')[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((row) => row.startsWith('| `'));
  return rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
}

test('counts queues, messages and jobs, and names what the documentation names', async () => {
  await using plane = await startControlPlane();
  const port = await freePort();
  const gate = join(plane.dataDir, 'gate');
  const agent = `echo begun; while [ ! -e "${gate}" ]; do sleep 0.05; done; exit 3`;
  const host = `[host]\nunisolated = true\ncommand = ["/bin/sh", "-c", ${JSON.stringify(agent)}]\n`;
  await using runner = await RunnerProcess.start({
    url: plane.server.url,
    token: await plane.newToken(),
    runtime: 'host',
    config: `[jobs]\nmax_jobs = 2\n[health]\nlisten = "127.0.0.1:${port}"\n${host}`,
  });
  await runner.ready();
  for (let n = 0; n < 2; n += 1) await startTask(plane, 'a/b');
  const full = await eventually(async () => {
    const values = await read(port);
    return values.get('plan42_runner_jobs{state="running"}') === 2 && values;
  });
  const expected = {
    plan42_runner_ready: 1,
    'plan42_runner_problem{kind="unreachable"}': 0,
    'plan42_runner_queues{phase="polling"}': 1,
    plan42_runner_jobs_max: 2,
    'plan42_runner_messages_total{type="InvokeAgentRequest",result="answered"}': 2,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(full.get(name), value, name);
  assert.ok((full.get('plan42_runner_message_seconds_total{type="InvokeAgentRequest"}') ?? 0) > 0);
  assert.ok((full.get('process_resident_memory_bytes') ?? 0) > 2e7);
  assert.ok(Math.abs((full.get('process_start_time_seconds') ?? 0) - Date.now() / 1000) < 120);

  await writeFile(gate, '');
  const ended = await eventually(async () => {
    const values = await read(port);
    return values.get('plan42_runner_jobs_ended_total{reason="exited"}') === 2 && values;
  });
  assert.equal(ended.get('plan42_runner_jobs{state="running"}'), 0);

  const names = new Set([...ended.keys()].map((key) => key.split('{')[0]));
  // A token of the test server has an end; GitHub has no connection here, but its events are read.
  assert.deepEqual(names, new Set(await documented()));
});

test('an outage shows, and nothing identifies a task', async () => {
  await using plane = await startControlPlane();
  const port = await freePort();
  await using runner = await RunnerProcess.start({
    url: plane.server.url,
    token: await plane.newToken(),
    runtime: 'host',
    config: `[health]\nlisten = "127.0.0.1:${port}"\n[host]\nunisolated = true\ncommand = ["/bin/true"]\n`,
  });
  await runner.ready();
  await plane.server[Symbol.asyncDispose]();
  const values = await eventually(async () => {
    const found = await read(port);
    return found.get('plan42_runner_problem{kind="unreachable"}') === 1 && found;
  });
  assert.equal(values.get('plan42_runner_ready'), 0);
  for (const key of values.keys()) assert.doesNotMatch(key, /[0-9a-f]{8}-[0-9a-f]{4}-/);
});
