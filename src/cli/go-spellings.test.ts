import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from '../../test/support/run-cli.ts';
import { withGoSpellings } from './go-spellings.ts';

test('-v prints the version, as its first word only', async () => {
  assert.deepEqual(await runCli(['-v']), await runCli(['--version']));
  assert.equal((await runCli(['-v'])).stdout, '1.2.3\n');
  assert.deepEqual(withGoSpellings(['runner', 'job', 'list', '-v']), ['runner', 'job', 'list', '-v']);
  assert.deepEqual(withGoSpellings([]), []);
});

test('--f follows a log', () => {
  assert.deepEqual(withGoSpellings(['runner', 'logs', '--f']), ['runner', 'logs', '--follow']);
  assert.deepEqual(withGoSpellings(['runner', 'job', 'logs', 'x', '--f']), ['runner', 'job', 'logs', 'x', '--follow']);
  assert.deepEqual(withGoSpellings(['run', '--f']), ['run', '--f']);
});
