import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { createFakeRuntime } from '../../../test/support/fake-runtime.ts';
import { makeRecord } from '../../../test/support/job-record.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { exists } from '../../lib/files.ts';
import { listCompanions, startCompanion, stopCompanion } from '../../shim/shim.ts';
import { JobStore } from '../store.ts';
import { collectGarbage } from './collect.ts';

const rules = {
  keepFinishedMs: 1e9,
  keepImages: 1,
  keepImageBytes: Infinity,
  keepMirrorBytes: 0,
  wantedImages: [],
  graceMs: 1e6,
};
const secrets = { request: '{}', agentToken: 'p42a_secret' };

test('an egress gateway without an active job is stopped, others stay', {
  skip: process.platform !== 'linux',
}, async () => {
  await using dir = await makeTempDir();
  const store = await JobStore.open(join(dir.path, 'state'), join(dir.path, 'logs'));
  const record = makeRecord();
  await store.create(record, secrets);
  const [active, gone] = [record.jobId, makeRecord().jobId];
  const folderOf = (jobId: string) => join(store.paths(jobId).folder, 'egress');
  for (const jobId of [active, gone]) {
    const folder = folderOf(jobId);
    await mkdir(folder, { recursive: true });
    // Unlike the gateway, it does not notice that its folder is gone.
    const command = ['/bin/sh', '-c', ': > begun; while :; do sleep 0.1; done', 'gateway-of-test'];
    await startCompanion({ folder, failureFile: join(folder, 'failed'), command, env: { PATH: '/usr/bin:/bin' } });
    // Its script ends if the folder is gone before the command is started.
    await eventually(() => exists(join(folder, 'begun')));
  }
  await rm(store.paths(gone).folder, { recursive: true });
  const { removed } = await collectGarbage(
    {
      ...{ store, runtime: createFakeRuntime(), instanceId: crypto.randomUUID(), rules, now: Date.now },
      signal: new AbortController().signal,
    },
    { dryRun: false },
  );
  assert.deepEqual(
    removed.map(({ kind, name }) => `${kind} ${name}`),
    [`gateway ${gone}`],
  );
  assert.deepEqual(await listCompanions(store.folders.active), [`${active}/egress`]);
  await stopCompanion(folderOf(active));
});
