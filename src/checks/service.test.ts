import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { checkService } from './service.ts';

describe('service', () => {
  test('warns of a runner that is running but not responding', async () => {
    await using dir = await makeTempDir();
    const paths = { configFile: '', stateDir: dir.path, logDir: join(dir.path, 'logs') };
    const host = { platform: 'freebsd', uid: 1, env: {} } as const;
    const check = () => checkService({ host, paths, env: {}, signal: AbortSignal.timeout(60_000) });
    assert.equal((await check())[0]?.status, 'skipped');
    await using server = createServer((_, response) => response.end('{}'));
    await once(server.listen(join(dir.path, 'control.sock')), 'listening');
    const [silent] = await check();
    assert.equal(silent?.status, 'warning');
    assert.match(silent?.message ?? '', /^the runner is running but not responding \(.+\)$/);
    assert.equal(silent?.remedies[0]?.command, `plan42 runner logs --state-dir ${dir.path} -n 50`);
  });
});
