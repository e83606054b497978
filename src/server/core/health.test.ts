import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { answerAll, FakeRunner, startFakeRunner } from '../../../test/support/fake-runner.ts';

const timing = { healthCheckIntervalMs: 20, healthCheckTimeoutMs: 10 };

test('a responding queue stays healthy', async () => {
  await using plane = await startControlPlane({ timing: { ...timing, healthCheckTimeoutMs: 20_000 } });
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const queue = await eventually(async () => {
    const { body } = await plane.call('GET', runner.path);
    return body.NConsecutiveSuccessfulHealthChecks >= 3 && body;
  });
  assert.deepEqual([queue.IsHealthy, queue.NConsecutiveFailedHealthChecks], [true, 0]);
  assert.match(queue.LastHealthCheckAt, /^20/);
  assert.ok(queue.Version > 3);
});

test('a silent queue is unhealthy after two pings and deleted after ten', async () => {
  await using plane = await startControlPlane({ timing });
  await using runner = new FakeRunner({ url: plane.server.url, token: await plane.newToken() });
  await runner.register();
  const seen = new Map<number, boolean>();
  await eventually(async () => {
    const { status, body } = await plane.call('GET', runner.path);
    if (status === 200) seen.set(body.NConsecutiveFailedHealthChecks, body.IsHealthy);
    return status === 404;
  });
  for (const [failures, healthy] of seen) assert.equal(healthy, failures < 2, `${failures} failures`);
  assert.ok(Math.max(...seen.keys()) <= 9);
  assert.equal((await plane.call('GET', `${runner.path}/messages`)).status, 404);
});

test('an unhealthy queue recovers with a response; a draining queue stays unhealthy', async () => {
  await using plane = await startControlPlane({
    timing: { ...timing, healthCheckTimeoutMs: 250, failuresUntilDeleted: 1000 },
  });
  let isAsleep = true;
  const answer = (request: object) => (isAsleep ? undefined : answerAll(request));
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken(), answer });
  const read = async () => (await plane.call('GET', runner.path)).body;
  await eventually(async () => !(await read()).IsHealthy);
  isAsleep = false;
  await eventually(async () => (await read()).IsHealthy);
  await eventually(async () => {
    const body = { Draining: true, IsHealthy: false };
    return (await plane.call('PATCH', runner.path, { ifMatch: (await read()).Version, body })).status === 200;
  });
  const { NConsecutiveSuccessfulHealthChecks: before } = await read();
  const later = await eventually(async () => {
    const queue = await read();
    return queue.NConsecutiveSuccessfulHealthChecks > before + 2 && queue;
  });
  assert.equal(later.IsHealthy, false);
});

test('queues of a previous run are checked', async () => {
  await using plane = await startControlPlane({ timing });
  await using runner = new FakeRunner({ url: plane.server.url, token: await plane.newToken() });
  await runner.register();
  await plane.restart();
  await eventually(async () => (await plane.call('GET', runner.path)).status === 404);
});
