import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeJobFolder } from '../../test/support/job-folder.ts';
import { testPolicy } from '../../test/support/wall/walled-job.ts';
import { UserError } from '../lib/errors.ts';
import { hasWall, raiseWall } from './build.ts';

test('a machine for which there is no init has no wall: its jobs are refused with the reason', async (t) => {
  await using folder = await makeJobFolder();
  const job = { ...folder, jobId: 'plan42-1' };
  const own = process.arch;
  Object.defineProperty(process, 'arch', { value: 'riscv64' });
  t.after(() => Object.defineProperty(process, 'arch', { value: own }));
  await assert.rejects(raiseWall(job, testPolicy, { env: {} }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^cannot limit the network of the job: this program has no wall for riscv64$/);
    return true;
  });
  assert.equal(await hasWall(job), false, 'nothing is left');
});
