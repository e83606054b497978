import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, day, otherId, runtime } from '../../../test/support/garbage-setting.ts';
import { makeRecord } from '../../../test/support/job-record.ts';

const lostId = '7c2504e0-4f89-41d3-9a0c-0305e82c3301';

test('Jobs of other runners are kept, and named with the way to remove them', async () => {
  const { jobId } = makeRecord();
  runtime.ofOthers.push({ id: 'a', jobId, instanceId: otherId, createdAt: new Date(), sizeBytes: undefined });
  assert.deepEqual((await collect()).kept, [], 'only for a person');
  const { removed, kept } = await collect({ others: { remove: undefined } });
  assert.deepEqual(removed, []);
  const reason = `it belongs to the runner ${otherId}; if that no longer exists, add --instance ${otherId}`;
  assert.deepEqual(kept, [{ kind: 'container', name: jobId, reason }]);
});

test('those of the named runner are removed, whatever their age, and no others', async () => {
  const [lost, other] = [makeRecord(), makeRecord()];
  const createdAt = new Date(Date.now() - day);
  runtime.ofOthers.push(
    { id: 'a', jobId: lost.jobId, instanceId: lostId, createdAt, sizeBytes: undefined },
    { id: 'b', jobId: other.jobId, instanceId: otherId, createdAt, sizeBytes: undefined },
    { id: 'c', jobId: 'made-by-hand', instanceId: lostId, createdAt, sizeBytes: undefined },
  );
  const others = { remove: lostId };
  assert.deepEqual((await collect({ others, dryRun: true })).removed, [`container ${lost.jobId}`]);
  assert.equal(runtime.ofOthers.length, 3);
  assert.deepEqual((await collect({ others })).removed, [`container ${lost.jobId}`]);
  assert.deepEqual(
    runtime.ofOthers.map(({ id }) => id),
    ['b', 'c'],
  );
});
