import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkDisk } from './disk.ts';

describe('disk space', () => {
  test('a full disk', async () => {
    const paths = { configFile: '', stateDir: '/', logDir: '/' };
    const readConfig = async () => Promise.reject(new Error('no configuration'));
    const context = { paths, readConfig };
    const [full] = await checkDisk(context, async () => 2 ** 30 - 1);
    assert.deepEqual([full?.status, full?.exitCode], ['failed', 1]);
    assert.match(full?.message ?? '', /jobs are rejected below 1 GiB/);
    assert.equal((await checkDisk(context, async () => 2 ** 30))[0]?.status, 'ok');
    const [empty] = await checkDisk(
      context,
      async () => 2 ** 40,
      async () => 3,
    );
    assert.match(empty?.message ?? '', /^3 inodes free for \/: jobs are rejected below 1000$/);
    assert.match(empty?.remedies[0]?.command ?? '', /^df -i \/; /);
  });
});
