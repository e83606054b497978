import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { systemClock } from '../../lib/clock.ts';
import { defaultRetention, type Retention } from './retention.ts';

const dayMs = 24 * 3_600_000;

/** A server whose date can be moved, and which applies its retention all the time. */
async function startPlane(retention?: Retention) {
  let passedMs = 0;
  let jumpedMs = 0;
  const lines: string[] = [];
  const plane = await startControlPlane({
    clock: {
      ...systemClock,
      now: () => systemClock.now() + passedMs,
      date: () => new Date(systemClock.date().getTime() + passedMs + jumpedMs),
    },
    timing: { retentionIntervalMs: 20 },
    ...(retention && { retention }),
    onLog: (line) => lines.push(line),
  });
  const { call } = plane;
  const patchTurn = async (task: string, body: object) => {
    const path = `tasks/${task}/turns/1`;
    const answer = await call('PATCH', path, { ifMatch: (await call('GET', path)).body.Version, body });
    assert.equal(answer.status, 200);
  };
  return {
    plane,
    lines,
    /** Advances all clocks. */
    passDays: (days: number) => (passedMs += days * dayMs),
    /** Changes the date only. */
    jumpDays: (days: number) => (jumpedMs += days * dayMs),
    finish: (task: string) => patchTurn(task, { Status: 'Completed' }),
    /** Returns whether a task exists, also as a deleted one. */
    exists: async (task: string) => (await call('GET', `tasks/${task}?includeDeleted=true`)).status === 200,
    environmentExists: async (id: string) =>
      (await call('GET', `environments/${id}?includeDeleted=true`)).status === 200,
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
}

/** Waits until the date was checked, and everything expired was removed. */
async function removed(lines: string[]): Promise<void> {
  await eventually(async () => lines.some((line) => line.includes('retention applied')));
}

async function upload({ call }: TestControlPlane, task: string, index: number, messages: string[]): Promise<void> {
  const path = `tasks/${task}/turns/1`;
  const Logs = messages.map((Message) => ({ Timestamp: '2025-01-01T00:00:00Z', Message }));
  const ifMatch = (await call('GET', path)).body.Version;
  assert.equal((await call('POST', `${path}/logs`, { ifMatch, body: { Index: index, Logs } })).status, 200);
}

test('old finished tasks are removed with the environments that were made for them', async () => {
  await using setting = await startPlane({ tasksMs: 30 * dayMs });
  const { plane, exists, environmentExists, finish } = setting;
  const ephemeral = await plane.newEnvironment({ Ephemeral: true });
  const shared = await plane.newEnvironment({ Ephemeral: true });
  const kept = await plane.newEnvironment();
  const old = [
    await plane.newTask({ EnvironmentId: ephemeral }),
    await plane.newTask({ EnvironmentId: shared }),
    await plane.newTask({ EnvironmentId: kept }),
  ];
  const [oldTurn, id] = [`tasks/${old[0]}/turns/1`, randomUUID()];
  const subAgent = { AgentType: 'Custom', Name: 'x' };
  assert.equal((await plane.call('PUT', `${oldTurn}/messages/${id}`, { body: { Message: 'x' } })).status, 200);
  assert.equal((await plane.call('PUT', `${oldTurn}/subagents/${id}`, { body: subAgent })).status, 200);
  for (const task of old) await finish(task);
  await upload(plane, await plane.newTask(), 0, ['x']);
  const pending = await plane.newTask({ EnvironmentId: shared });
  const running = await plane.newTask();
  await plane.call('PATCH', `tasks/${running}/turns/1`, { ifMatch: 2, body: { Status: 'Working' } });

  setting.passDays(31);
  const young = await plane.newTask();
  await finish(young);
  await removed(setting.lines);
  for (const task of old) assert.equal(await exists(task), false);
  assert.equal((await plane.call('GET', `${oldTurn}/messages`)).status, 404);
  for (const task of [pending, running, young]) assert.equal(await exists(task), true);
  const environments = await Promise.all([ephemeral, shared, kept].map(environmentExists));
  assert.deepEqual(environments, [false, true, true]);
});

test('old logs of finished turns are replaced by a note', async () => {
  await using setting = await startPlane({ logsMs: 10 * dayMs });
  const { plane, finish } = setting;
  const [old, running, young] = [await plane.newTask(), await plane.newTask(), await plane.newTask()];
  const messages = Array.from({ length: 500 }, (_, i) => `entry ${i}`);
  for (let i = 0; i < 5; i += 1) await upload(plane, old, i * 500, messages);
  await upload(plane, running, 1, ['a', 'b']);
  await finish(old);
  setting.passDays(11);
  await upload(plane, young, 1, ['c', 'd']);
  await finish(young);
  await removed(setting.lines);
  const last = async (task: string) => (await plane.call('GET', `tasks/${task}/turns/1/logs/last`)).body;
  const { Index, Message } = await last(old);
  assert.deepEqual(
    [Index, Message],
    [2499, 'The log was deleted, because it is older than the server’s retention period.'],
  );
  const stream = await plane.call('GET', `tasks/${old}/turns/1/logs`);
  assert.equal(stream.body.match(/^event: log/gm)?.length, 1);
  assert.deepEqual([(await last(running)).Message, (await last(young)).Message], ['b', 'd']);
  assert.equal(setting.lines.filter((line) => line.includes('retention applied')).length, 1, 'once');
});

test('by default, deleted tasks are removed after 30 days, and nothing else', async () => {
  await using setting = await startPlane();
  assert.deepEqual(defaultRetention, { deletedMs: 30 * dayMs });
  const { plane, exists, finish } = setting;
  const [kept, deleted, undeleted, pending] = [
    await plane.newTask(),
    await plane.newTask(),
    await plane.newTask(),
    await plane.newTask(),
  ];
  for (const task of [kept, deleted, undeleted]) await finish(task);
  for (const task of [deleted, undeleted, pending]) {
    assert.equal((await plane.call('DELETE', `tasks/${task}`, { ifMatch: 1 })).status, 204);
  }
  setting.passDays(29);
  assert.equal((await plane.call('PATCH', `tasks/${undeleted}`, { ifMatch: 2, body: { Deleted: false } })).status, 200);
  setting.passDays(2);
  await removed(setting.lines);
  assert.deepEqual(await Promise.all([kept, deleted, undeleted, pending].map(exists)), [true, false, true, false]);
});

test('after a jump of the date, nothing is removed for a day', async () => {
  await using setting = await startPlane({ tasksMs: 30 * dayMs });
  const { plane, exists, finish } = setting;
  const task = await plane.newTask();
  await finish(task);
  let skipped = plane.logged('skipping retention', 'delay_ms=86400000');
  setting.jumpDays(731);
  await skipped;
  skipped = plane.logged('skipping retention');
  await plane.restart();
  await skipped;
  assert.equal(await exists(task), true);
  setting.passDays(1.1);
  await removed(setting.lines);
  assert.equal(await exists(task), false);
});

test('the disk gets the space back, and requests are served meanwhile', async () => {
  await using setting = await startPlane({ tasksMs: 30 * dayMs });
  const { plane, finish } = setting;
  const tasks = await Promise.all(Array.from({ length: 10 }, () => plane.newTask()));
  for (const task of tasks) {
    for (let i = 0; i < 2; i += 1) await upload(plane, task, i * 500, Array(500).fill('x'.repeat(1000)));
    await finish(task);
  }
  const size = async () => (await stat(join(plane.dataDir, 'plan42.db'))).size;
  const [before] = [await size()];
  assert.ok(before > 8 * 2 ** 20, `${before} bytes`);
  setting.passDays(31);
  let slowestMs = 0;
  const isDone = () => setting.lines.some((line) => line.includes('retention applied'));
  while (!isDone()) {
    const startedAt = performance.now();
    assert.equal((await plane.call('GET', plane.tenant)).status, 200);
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  }
  assert.ok((await size()) < before / 4, `${await size()} of ${before} bytes`);
  assert.ok(slowestMs < 2000, `${slowestMs} ms`);
});
