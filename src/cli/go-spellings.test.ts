import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from '../../test/support/run-cli.ts';
import { withGoSpellings } from './go-spellings.ts';

test('-v prints the version, after a command too', async () => {
  assert.deepEqual(await runCli(['-v']), await runCli(['--version']));
  assert.equal((await runCli(['-v'])).stdout, '1.2.3\n');
  for (const command of [['runner'], ['runner', 'exec'], ['server', 'task', 'create']])
    assert.equal((await runCli([...command, '-v'])).stdout, '1.2.3\n', command.join(' '));
  assert.deepEqual(withGoSpellings(['run', 'fix', 'it -v', '-v']), ['run', 'fix', 'it -v', '-v']);
  assert.deepEqual(withGoSpellings(['runner', 'job', 'list', '-v']), ['runner', 'job', 'list', '-v']);
  assert.deepEqual(withGoSpellings([]), []);
});

test('--f follows a log', () => {
  assert.deepEqual(withGoSpellings(['runner', 'logs', '--f']), ['runner', 'logs', '--follow']);
  assert.deepEqual(withGoSpellings(['runner', 'job', 'logs', 'x', '--f']), ['runner', 'job', 'logs', 'x', '--follow']);
  assert.deepEqual(withGoSpellings(['run', '--f']), ['run', '--f']);
});
