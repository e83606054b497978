import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  collect,
  day,
  makeActive,
  makeFinished,
  minute,
  runtime,
  secrets,
  store,
} from '../../../test/support/garbage-setting.ts';
import { makeRecord } from '../../../test/support/job-record.ts';
import type { JobRecord } from '../record.ts';

describe('containers', () => {
  const container = (id: string, { jobId }: JobRecord, ageMs = day) => ({
    id,
    jobId,
    createdAt: new Date(Date.now() - ageMs),
    sizeBytes: 5,
  });

  test('are removed if their job is not active', async () => {
    const [over, active] = [makeRecord(), await makeActive()];
    runtime.left.push(container('a', over), container('b', active), container('c', makeRecord(), minute));
    runtime.left.push({ ...container('d', over), jobId: 'made-by-hand' });
    assert.deepEqual((await collect()).removed, [`container ${over.jobId}`]);
    assert.deepEqual(
      runtime.left.map(({ id }) => id),
      ['b', 'c', 'd'],
    );
  });

  test('of a killed doctor, or that copy files for a job, are removed too', async () => {
    const [over, active] = [makeRecord(), await makeActive()];
    const doctor = 'plan42-doctor-3f2504e0-4f89-41d3-9a0c-0305e82c3302';
    runtime.left.push(
      { ...container('a', over), jobId: doctor },
      { ...container('b', over, 4 * minute), jobId: `${doctor}-of-now` },
      { ...container('c', over), jobId: `${over.jobId}-ca` },
      { ...container('d', active), jobId: `${active.jobId}-ca` },
    );
    assert.deepEqual((await collect({ graceMs: 0 })).removed, [`container ${doctor}`, `container ${over.jobId}-ca`]);
  });

  test('of a time when the date was ahead are removed too', async () => {
    const record = makeRecord();
    runtime.left.push(container('a', record, -400 * day));
    assert.deepEqual((await collect()).removed, [`container ${record.jobId}`]);
  });

  test('stay if their job is accepted at this moment', async () => {
    const record = makeRecord();
    runtime.left.push(container('a', record));
    const { listUnmanaged } = runtime;
    runtime.listUnmanaged = async (...args) => {
      const left = await listUnmanaged(...args);
      await store.create(record, secrets);
      return left;
    };
    assert.deepEqual((await collect()).removed, []);
    assert.equal(runtime.left.length, 1);
  });

  test('that cannot be removed are reported, and do not stop the rest', async () => {
    const [record, old] = [makeRecord(), await makeFinished(31 * day)];
    runtime.left.push(container('a', record));
    runtime.removeUnmanaged = () => Promise.reject(new Error('device busy'));
    const { removed, failures } = await collect();
    assert.deepEqual(removed, [`job ${old.jobId}`]);
    assert.deepEqual(failures, [{ what: `container ${record.jobId}`, error: new Error('device busy') }]);
  });

  test('that cannot be listed do not stop the rest either', async () => {
    const old = await makeFinished(31 * day);
    runtime.listUnmanaged = () => Promise.reject(new Error('no daemon'));
    const { removed, failures } = await collect();
    assert.deepEqual(removed, [`job ${old.jobId}`]);
    assert.deepEqual(
      failures.map(({ what }) => what),
      ['containers'],
    );
  });
});
