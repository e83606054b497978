import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkDisk } from './disk.ts';

describe('disk space', () => {
  test('a full disk', async () => {
    const paths = { configFile: '', stateDir: '/', logDir: '/' };
    const readConfig = async () => Promise.reject(new Error('no configuration'));
    const context = { paths, readConfig };
    const [full] = await checkDisk(context, { freeBytes: async () => 2 ** 30 - 1 });
    assert.deepEqual([full?.status, full?.exitCode], ['failed', 1]);
    assert.match(full?.message ?? '', /jobs are rejected below 1 GiB/);
    assert.equal((await checkDisk(context, { freeBytes: async () => 2 ** 30 }))[0]?.status, 'ok');
    const [empty] = await checkDisk(context, { freeBytes: async () => 2 ** 40, countInodes: async () => 3 });
    assert.match(empty?.message ?? '', /^3 inodes free for \/: jobs are rejected below 1000$/);
    assert.match(empty?.remedies[0]?.command ?? '', /^df -i \/; /);
    const freeBytes = async (folder: string) => (folder === '/storage' ? 0 : 2 ** 40);
    const withEngine = (folder?: string) =>
      checkDisk(context, { freeBytes, countInodes: async () => 1e6, engineFolder: async () => folder });
    const statuses = async (folder?: string) => (await withEngine(folder)).map(({ status }) => status);
    assert.deepEqual(await statuses('/storage'), ['ok', 'failed'], 'the storage of the engine');
    assert.deepEqual(await statuses('/'), ['ok']);
    assert.deepEqual(await statuses(), ['ok']);
  });
});
