import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  ageFile,
  collect,
  day,
  finishedFile,
  logOf,
  makeActive,
  makeFinished,
  secrets,
  store,
} from '../../../test/support/garbage-setting.ts';
import type { JobRecord } from '../record.ts';

describe('finished jobs', () => {
  test('are removed with their logs when they are old enough', async () => {
    const [old, young] = [await makeFinished(31 * day), await makeFinished(29 * day)];
    const { removed, details } = await collect();
    assert.deepEqual(removed, [`job ${old.jobId}`]);
    assert.match(details[0]?.reason ?? '', /^finished 31 days ago$/);
    assert.ok((details[0]?.bytes ?? 0) > 'said\n'.length);
    assert.deepEqual(await readdir(store.folders.finished), [`${young.jobId}.json`]);
    assert.deepEqual(await readdir(store.folders.logs), [`${young.jobId}.log`]);
  });

  test('of a time when the date was ahead are kept as long as others', async () => {
    const record = await makeFinished(-400 * day);
    await collect();
    const aged = { now: () => Date.now() + 31 * day };
    assert.deepEqual((await collect({ ...aged, dryRun: true })).removed, [`job ${record.jobId}`]);
  });

  test('stay in a dry run, which lists the same', async () => {
    const old = await makeFinished(31 * day);
    assert.deepEqual((await collect({ dryRun: true })).removed, [`job ${old.jobId}`]);
    assert.deepEqual(await readdir(store.folders.logs), [`${old.jobId}.log`]);
    assert.deepEqual((await collect()).removed, [`job ${old.jobId}`]);
  });

  test('stay with their log while the same job runs again', async () => {
    const record = await makeFinished(31 * day, 'of the first time\n');
    await store.create(record, secrets);
    assert.deepEqual((await collect({ keepFinishedMs: 0, graceMs: 0 })).removed, []);
    assert.equal(await readFile(logOf(record), 'utf8'), 'of the first time\n');
    assert.deepEqual(await readdir(store.folders.logs), [`${record.jobId}.log`]);
    assert.deepEqual(await readdir(store.folders.finished), [`${record.jobId}.json`]);
  });
});

describe('a log in segments', () => {
  const segments = ['000000000000000', '000000000000004'];

  /** Adds older segments to the log of a job. */
  async function addOlder(record: JobRecord, ageMs: number): Promise<string> {
    const older = `${logOf(record)}.older`;
    await mkdir(older);
    for (const name of segments) {
      await writeFile(join(older, name), 'old\n');
      await ageFile(join(older, name), ageMs);
    }
    await ageFile(older, ageMs);
    return older;
  }

  const entry = (path: string) => path.slice(store.folders.logs.length + 1);

  test('is removed with its finished job, and its size counts all segments', async () => {
    const [old, young] = [await makeFinished(31 * day), await makeFinished(29 * day)];
    await addOlder(old, 31 * day);
    const kept = await addOlder(young, 29 * day);
    const plain = await makeFinished(31 * day);
    const { removed, details } = await collect();
    assert.deepEqual(removed.toSorted(), [`job ${old.jobId}`, `job ${plain.jobId}`].toSorted());
    const bytesOf = ({ jobId }: JobRecord) => details.find(({ name }) => name === jobId)?.bytes ?? 0;
    assert.equal(bytesOf(old) - bytesOf(plain), 8);
    assert.deepEqual((await readdir(store.folders.logs)).toSorted(), [entry(logOf(young)), entry(kept)]);
    assert.deepEqual((await readdir(kept)).toSorted(), segments);
  });

  test('stays complete if its job is active', async () => {
    const record = await makeActive();
    await writeFile(logOf(record), 'new\n');
    const older = await addOlder(record, 400 * day);
    await ageFile(logOf(record), 400 * day);
    assert.deepEqual((await collect()).removed, []);
    assert.deepEqual((await readdir(older)).toSorted(), segments);
  });

  // The states on disk after each step of a removal that is killed.
  const aside = (log: string) => rename(log, `${log}.1.removed`);
  const interruptions: [name: string, steps: (log: string) => Promise<void>][] = [
    ['renaming the newest segment', aside],
    ['removing the newest segment', (log) => rm(log)],
    [
      'removing one older segment',
      async (log) => {
        await rm(log);
        await rm(join(`${log}.older`, segments[0] ?? ''));
      },
    ],
    [
      'removing all segments',
      async (log) => {
        await rm(log);
        for (const name of segments) await rm(join(`${log}.older`, name));
      },
    ],
  ];
  for (const [name, steps] of interruptions) {
    for (const isFinished of [true, false]) {
      test(`of a${isFinished ? ' finished' : 'n unknown'} job is removed after a crash on ${name}`, async () => {
        const record = await makeFinished(31 * day);
        const older = await addOlder(record, 31 * day);
        if (!isFinished) await rm(finishedFile(record));
        await steps(logOf(record));
        await ageFile(older, 31 * day);
        assert.deepEqual((await collect()).failures, []);
        await collect();
        assert.deepEqual(await readdir(store.folders.logs), []);
        assert.deepEqual(await readdir(store.folders.finished), []);
      });
    }
  }
});
