import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fakeRun } from '../../../test/support/fake-engine.ts';
import { isMonitorAlive, isMonitorGone } from './conmon.ts';

const isLinux = process.platform === 'linux';
// Linux has no process with this ID.
const unusedPid = 2 ** 22 + 1;

/** A process with the command line of a monitor. */
function startMonitor(name: string): { pid: number } & AsyncDisposable {
  const child = spawn('/bin/sh', ['-c', 'read -r line', 'conmon', '-n', name, '--exit-dir', '/'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await once(child, 'close');
    },
  };
}

test('a monitor is the process with its ID that names the container', async () => {
  await using monitor = startMonitor('job-1');
  assert.equal(await isMonitorAlive({ name: 'job-1', pid: monitor.pid }), true);
  assert.equal(await isMonitorAlive({ name: 'job', pid: monitor.pid }), false);
  assert.equal(await isMonitorAlive({ name: 'job-1', pid: process.pid }), false);
});

test('a monitor that exited is gone only if containers are processes of this machine', async (t) => {
  if (!isLinux) return t.skip('Podman runs in a virtual machine');
  for (const [isRemote, isGone] of [
    ['false\n', true],
    ['true\n', false],
    [undefined, false],
  ] as const) {
    const run = fakeRun(() => isRemote);
    assert.equal(await isMonitorGone(run, { name: 'job-1', pid: unusedPid }, undefined), isGone);
    assert.deepEqual(run.calls, ['info --format {{.Host.ServiceIsRemote}}']);
  }
});

test('the engine is not queried while the monitor is alive, or if there is none', async () => {
  await using monitor = startMonitor('job-1');
  const run = fakeRun(() => 'false\n');
  assert.equal(await isMonitorGone(run, { name: 'job-1', pid: monitor.pid }, undefined), false);
  assert.equal(await isMonitorGone(run, { name: 'job-1', pid: 0 }, undefined), false);
  assert.deepEqual(run.calls, []);
});
