import assert from 'node:assert/strict';
import { it } from 'node:test';
import { serverDataDir } from './data-dir.ts';

it('serverDataDir is the data folder of the platform by default', () => {
  const env = { HOME: '/home/me' };
  assert.equal(serverDataDir(undefined, env, 'linux'), '/home/me/.local/share/plan42-server');
  assert.equal(serverDataDir(undefined, { ...env, XDG_DATA_HOME: '/data' }, 'linux'), '/data/plan42-server');
  assert.equal(
    serverDataDir(undefined, { ...env, XDG_DATA_HOME: 'data' }, 'linux'),
    '/home/me/.local/share/plan42-server',
  );
  const mac = serverDataDir(undefined, { ...env, XDG_DATA_HOME: '/data' }, 'darwin');
  assert.equal(mac, '/home/me/Library/Application Support/ai.plan42.server');
  assert.equal(serverDataDir('/here', env), '/here');
});
