import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkDisk } from './disk.ts';

describe('what is amiss is found, with a remedy', () => {
  test('a full disk', async () => {
    const paths = { configFile: '', stateDir: '/', logDir: '/' };
    const loadConfig = async () => Promise.reject(new Error('no configuration'));
    const context = { paths, loadConfig };
    const full = await checkDisk(context, async () => 2 ** 30 - 1);
    assert.deepEqual([full.status, full.exitCode], ['failed', 1]);
    assert.match(full.found[0] ?? '', /below 1 GiB no job is taken/);
    assert.equal((await checkDisk(context, async () => 2 ** 30)).status, 'ok');
  });
});
