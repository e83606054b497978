import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lowDiskReason } from './disk-space.ts';

const gib = 2 ** 30;

function reasonFor(free: Record<string, number>, folders: Record<string, string | undefined>, minFree = gib) {
  const measure = async (path: string) => {
    const bytes = free[path];
    if (bytes === undefined) throw new Error(`ENOENT: ${path}`);
    return bytes;
  };
  return lowDiskReason({
    folders: () => folders,
    minFree,
    hostName: 'box',
    measure,
    countInodes: async () => undefined,
  });
}

describe('too little disk space', () => {
  test('is reported with the free and the required space, the folder and the machine', async () => {
    assert.equal(
      await reasonFor({ '/state': 2 * gib, '/logs': 0.25 * gib }, { jobs: '/state', logs: '/logs' }),
      'not enough disk space on box: 256 MiB free for logs in /logs, 1.0 GiB are needed to take a job (jobs.min_free_gib)',
    );
  });

  test('is not reported if there is just enough', async () => {
    assert.equal(await reasonFor({ '/state': gib }, { jobs: '/state' }), undefined);
    assert.match((await reasonFor({ '/state': gib - 1 }, { jobs: '/state' })) ?? '', /not enough/);
  });

  test('is not reported without a minimum, or if nothing can be measured', async () => {
    assert.equal(await reasonFor({ '/state': 0 }, { jobs: '/state' }, 0), undefined);
    assert.equal(await reasonFor({}, { containers: '/in/a/virtual/machine', logs: undefined }), undefined);
  });

  test('is reported for inodes', async () => {
    const reason = (free: number | undefined) =>
      lowDiskReason({
        folders: () => ({ jobs: '/state' }),
        minFree: gib,
        hostName: 'box',
        measure: async () => gib,
        countInodes: async () => free,
      });
    assert.equal(
      await reason(999),
      'not enough inodes on box: 999 free for jobs in /state, 1000 are needed to take a job (df -i)',
    );
    assert.deepEqual([await reason(1000), await reason(undefined)], [undefined, undefined]);
  });

  test('is measured on the real file system', async () => {
    const options = { folders: () => ({ jobs: '/' }), hostName: 'box' };
    assert.equal(await lowDiskReason({ ...options, minFree: 0 }), undefined);
    assert.match(
      (await lowDiskReason({ ...options, minFree: 2 ** 70 })) ?? '',
      /^not enough disk space on box: [\d.]+ [KMGTP]iB/,
    );
  });
});
