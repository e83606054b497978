import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeJobFolder } from '../../test/support/job-folder.ts';
import { launch } from '../shim/launch.ts';
import { createMeter } from './meter.ts';

const skip = process.platform !== 'linux';

async function startJob(command: string) {
  const job = await makeJobFolder();
  const args = ['/bin/sh', '-c', command];
  await launch({ job, command: args, env: { PATH: '/usr/bin:/bin' }, cwd: job.folder });
  const meter = createMeter({ runtime: 'host', job, hasOwnNetwork: false, env: {} });
  await eventually(async () => (await job.readLog()).includes('begun'));
  return {
    job,
    meter,
    [Symbol.asyncDispose]: async () => {
      await meter.kill(0);
      await eventually(async () => !(await meter.isRunning()));
      await job[Symbol.asyncDispose]();
    },
  };
}

test('a process that handles the signal gets it, another is not disturbed', { skip }, async () => {
  await using listening = await startJob(`trap 'echo heard' USR2; echo begun; while :; do sleep 0.1; done`);
  await listening.meter.notify();
  await eventually(async () => (await listening.job.readLog()).includes('heard'));
  await using deaf = await startJob('echo begun; while :; do sleep 0.1; done');
  await deaf.meter.notify();
  assert.equal(await deaf.meter.isRunning(), true);
});

test('processor time grows with work', { skip }, async () => {
  await using busy = await startJob('echo begun; while :; do :; done');
  await eventually(async () => ((await busy.meter.measureProcesses())?.cpuMs ?? 0) > 200);
});
