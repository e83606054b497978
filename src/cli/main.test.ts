import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { runCli } from '../../test/support/run-cli.ts';
import { UserError } from '../lib/errors.ts';

describe('plan42', () => {
  it('prints its version', async () => {
    assert.deepEqual(await runCli(['--version']), { exitCode: 0, stdout: '1.2.3\n', stderr: '' });
  });

  it('prints help with examples to standard output, also without arguments', async () => {
    const run = await runCli(['--help']);
    assert.equal(run.exitCode, 0);
    assert.equal(run.stderr, '');
    assert.match(run.stdout, /Examples:\n {2}plan42 server start/);
    assert.deepEqual(await runCli([]), run);
  });

  it('fits its help into 80 columns', async () => {
    for (const path of [
      '',
      'server',
      'server start',
      'server task create',
      'server token create',
      'server turn logs',
    ]) {
      const { stdout } = await runCli([...path.split(' ').filter(Boolean), '--help']);
      const tooLong = stdout.split('\n').filter((line) => line.length > 80);
      assert.deepEqual(tooLong, [], path);
    }
  });

  it('uses colours on a terminal only, and not when told so', async () => {
    const colored = (run: { stdout: string }) => run.stdout.includes('\x1b[');
    assert.equal(colored(await runCli(['--help'], { columns: 80 })), true);
    assert.equal(colored(await runCli(['--help'])), false);
    assert.equal(colored(await runCli(['--help'], { columns: 80, env: { NO_COLOR: '1' } })), false);
    assert.equal(colored(await runCli(['--help', '--no-color'], { columns: 80 })), false);
    assert.equal(colored(await runCli(['server', '--help', '--no-color'], { columns: 80 })), false);
  });

  it('explains a mistake in one line, with a suggestion and what to do next', async () => {
    const cases = [
      [['sever'], `ERROR: unknown command 'sever' (did you mean server?). Run "plan42 --help".`],
      [
        ['server', 'task', 'lst'],
        `ERROR: unknown command 'lst' (did you mean list?). Run "plan42 server task --help".`,
      ],
      [
        ['server', 'task'],
        'ERROR: missing command: one of create, list, show, follow, cancel. Run "plan42 server task --help".',
      ],
      [
        ['server', 'task', 'list', '--jsn'],
        `ERROR: unknown option '--jsn' (did you mean --json?). Run "plan42 server task list --help".`,
      ],
      [['server', 'task', 'show'], `ERROR: missing required argument 'id'. Run "plan42 server task show --help".`],
      [
        ['server', 'token', 'create', '--ttl-days', '366'],
        `ERROR: option '--ttl-days <days>' argument '366' is invalid. It must be a whole number from 1 to 365. Run "plan42 server token create --help".`,
      ],
      [
        ['server', 'start', '--listen', '127.0.0.1:99999'],
        `ERROR: option '--listen <address>' argument '127.0.0.1:99999' is invalid. It must be host:port, such as 127.0.0.1:7042 or [::1]:7042. Run "plan42 server start --help".`,
      ],
    ] as const;
    for (const [argv, line] of cases) {
      assert.deepEqual(await runCli(argv), { exitCode: 2, stdout: '', stderr: `${line}\n` });
    }
  });

  it('hands over to plan42-runner with all arguments', async () => {
    const handed: unknown[] = [];
    const handOver = (...call: unknown[]): never => {
      handed.push(call);
      throw new UserError('handed over', { exitCode: 5 });
    };
    const argv = ['-c', 'x.toml', '--help', '--version', '--no-color', 'a b', '--', '-h'];
    const { exitCode } = await runCli(['runner', 'exec', ...argv], { handOver });
    assert.deepEqual(handed, [['plan42-runner', argv]]);
    assert.equal(exitCode, 5);
  });

  it('ends quietly when its reader goes away', async () => {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    assert.deepEqual(await runCli(['--help'], { stdout }), { exitCode: 0, stdout: '', stderr: '' });
  });
});
