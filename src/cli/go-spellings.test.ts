import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { runCli } from '../../test/support/run-cli.ts';
import { createConfigScreenProgram } from './config-screen-main.ts';
import { withGoSpellings } from './go-spellings.ts';
import { createRunnerProgram } from './runner-main.ts';

test('-v prints the version, after a command too', async () => {
  assert.deepEqual(await runCli(['-v']), await runCli(['--version']));
  assert.equal((await runCli(['-v'])).stdout, '1.2.3\n');
  for (const command of [['runner'], ['runner', 'exec'], ['server', 'task', 'create']])
    assert.equal((await runCli([...command, '-v'])).stdout, '1.2.3\n', command.join(' '));
  assert.deepEqual(withGoSpellings(['run', 'fix', 'it -v', '-v']), ['run', 'fix', 'it -v', '-v']);
  assert.deepEqual(withGoSpellings(['runner', 'job', 'list', '-v']), ['runner', 'job', 'list', '-v']);
  assert.deepEqual(withGoSpellings([]), []);
});

test('every command prints the version, before it looks at anything else', async () => {
  const version = { exitCode: 0, stdout: '1.2.3\n', stderr: '' };
  for (const command of [['runner'], ['runner', 'job', 'list'], ['server', 'task', 'show'], ['run', 'Fix it']])
    for (const option of ['--version', '-V'])
      assert.deepEqual(await runCli([...command, option]), version, `${command}`);
  assert.deepEqual(await runCli(['runner', 'status', '-c', '/none.toml', '-v']), version);
  const outputs = { stdout: new PassThrough(), stderr: new PassThrough(), versionText: '1.2.3' };
  for (const [program, file] of [
    [createRunnerProgram(outputs), '--config-file'],
    [createConfigScreenProgram(outputs), '-c'],
  ] as const)
    for (const argv of [['-v'], ['--version'], ['-V'], [file, '/a b.toml', '-v']])
      assert.throws(() => program.parse(argv, { from: 'user' }), { code: 'commander.version' });
  outputs.stdout.end();
  assert.equal(await text(outputs.stdout), '1.2.3\n'.repeat(8));
  for (const program of ['runner', 'runner exec', 'runner config'])
    assert.equal((await runCli([...program.split(' '), '-v'])).stdout, '1.2.3\n', program);
  assert.match((await runCli(['--help'])).stdout, / {2}-V, --version +print the version \(also -v\)\n/);
  assert.doesNotMatch((await runCli(['runner', 'job', '--help'])).stdout, /version/);
});

test('--f follows a log', () => {
  assert.deepEqual(withGoSpellings(['runner', 'logs', '--f']), ['runner', 'logs', '--follow']);
  assert.deepEqual(withGoSpellings(['runner', 'job', 'logs', 'x', '--f']), ['runner', 'job', 'logs', 'x', '--follow']);
  assert.deepEqual(withGoSpellings(['run', '--f']), ['run', '--f']);
});
