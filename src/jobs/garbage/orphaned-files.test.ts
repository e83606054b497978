import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ageFile, collect, day, makeActive, minute, store } from '../../../test/support/garbage-setting.ts';
import { makeRecord } from '../../../test/support/job-record.ts';

describe('orphaned files', () => {
  test('include logs of unknown jobs, with all parts, when they are old enough', async () => {
    const { jobId } = makeRecord();
    for (const name of [`${jobId}.log`, `${jobId}.log.1.removed`]) {
      await writeFile(join(store.folders.logs, name), 'x');
      await ageFile(join(store.folders.logs, name), 31 * day);
    }
    assert.deepEqual((await collect()).removed.toSorted(), [`log ${jobId}.log`, `log ${jobId}.log.1.removed`]);
    assert.deepEqual(await readdir(store.folders.logs), []);
  });

  test('do not include logs that are young, of an active job, or of no job', async () => {
    const active = await makeActive();
    const names = [`${makeRecord().jobId}.log`, `${active.jobId}.log`, 'plan42-runner.log', 'plan42-x-1.log'];
    for (const [i, name] of names.entries()) {
      await writeFile(join(store.folders.logs, name), 'x');
      await ageFile(join(store.folders.logs, name), i === 0 ? day : 400 * day);
    }
    assert.deepEqual((await collect()).removed, []);
    assert.deepEqual((await readdir(store.folders.logs)).toSorted(), names.toSorted());
  });

  test('that are too young for removal are named', async () => {
    const [old, young] = [`${makeRecord().jobId}.2026.log`, `${makeRecord().jobId}.2026.log`];
    const active = `${(await makeActive()).jobId}.log`;
    const draft = `${makeRecord().jobId}.1.draft`;
    await mkdir(join(store.folders.active, draft));
    for (const [name, ageMs] of [
      [old, 10 * minute],
      [young, 2 * minute],
      [active, 2 * minute],
    ] as const) {
      await writeFile(join(store.folders.logs, name), 'x');
      await ageFile(join(store.folders.logs, name), ageMs);
    }
    const { removed, kept } = await collect({ keepFinishedMs: 0 });
    assert.deepEqual(removed, [`log ${old}`]);
    assert.deepEqual(kept, [
      { kind: 'log', name: young, reason: 'its job is unknown, last written 2 minutes ago, stays for 5 minutes' },
      { kind: 'file', name: draft, reason: 'may be left by an interrupted write or removal, stays for 5 minutes' },
    ]);
    assert.deepEqual((await collect()).kept, [], 'what the rules keep anyway');
  });

  test('include half-created jobs with their secrets after the grace period', async () => {
    const { jobId } = makeRecord();
    const [old, young] = [`${jobId}.1.draft`, `${jobId}.2.draft`] as const;
    for (const name of [old, young]) {
      await mkdir(join(store.folders.active, name));
      await writeFile(join(store.folders.active, name, 'agent-token'), 'secret');
    }
    await ageFile(join(store.folders.active, old), 6 * minute);
    await writeFile(join(store.folders.finished, `${jobId}.json.0123456789ab.tmp`), '{');
    await ageFile(join(store.folders.finished, `${jobId}.json.0123456789ab.tmp`), 6 * minute);
    assert.deepEqual((await collect()).removed, [`file ${old}`, `file ${jobId}.json.0123456789ab.tmp`]);
    assert.deepEqual(await readdir(store.folders.active), [young]);
  });

  test('include the folder of a killed doctor', async () => {
    for (const name of ['.plan42-doctor-abc', '.plan42-doctor-young', '.other']) {
      await mkdir(join(store.folders.state, name));
      await ageFile(join(store.folders.state, name), name.endsWith('young') ? 4 * minute : 6 * minute);
    }
    assert.deepEqual((await collect({ graceMs: 0 })).removed, ['file .plan42-doctor-abc']);
  });
});

test('files kept from a damaged job are removed when they are old enough', async () => {
  const { damaged } = store.folders;
  const [old, young] = [join(damaged, 'old'), join(damaged, 'young')];
  for (const folder of [old, young]) await mkdir(folder);
  await writeFile(join(old, 'job.json.damaged'), 'nonsense');
  await ageFile(old, 31 * day);
  await collect({ keepFinishedMs: 30 * day });
  assert.deepEqual(await readdir(damaged), ['young']);
});
