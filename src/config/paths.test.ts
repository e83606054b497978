import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultPaths, stateDirOption } from './paths.ts';

test('commands are told the state folder only where it is not the usual one', () => {
  const env = { HOME: '/home/me' };
  assert.equal(stateDirOption(defaultPaths(env), env), '');
  const elsewhere = { ...env, PLAN42_STATE_DIR: '/srv/two words' };
  assert.equal(stateDirOption(defaultPaths(elsewhere), elsewhere), "--state-dir '/srv/two words' ");
});
