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
  });
});
