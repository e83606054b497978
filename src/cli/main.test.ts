import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import type { Command } from 'commander';
import { commandContext, runCli } from '../../test/support/run-cli.ts';
import { UserError } from '../lib/errors.ts';
import { createProgram } from './program.ts';

/** Every command of which help can be asked. */
function visibleCommands(): { path: string[]; isGroup: boolean }[] {
  const visit = (command: Command, path: string[]): { path: string[]; isGroup: boolean }[] => {
    const subcommands = command
      .createHelp()
      .visibleCommands(command)
      // Asked for help, it would ask plan42-runner.
      .filter((subcommand) => !['help', 'exec'].includes(subcommand.name()));
    const below = subcommands.flatMap((subcommand) => visit(subcommand, [...path, subcommand.name()]));
    return [{ path, isGroup: subcommands.length > 0 }, ...below];
  };
  return visit(createProgram(commandContext([])), []);
}

describe('plan42', () => {
  it('prints its version', async () => {
    assert.deepEqual(await runCli(['--version']), { exitCode: 0, stdout: '1.2.3\n', stderr: '' });
  });

  it('prints help with examples to standard output, even without arguments', async () => {
    const run = await runCli(['--help']);
    assert.equal(run.exitCode, 0);
    assert.equal(run.stderr, '');
    assert.match(run.stdout, /Examples:\n {2}plan42 run /);
    assert.deepEqual(await runCli([]), run);
  });

  it('prints the same help for `help COMMAND` at any depth', async () => {
    assert.deepEqual(await runCli(['help']), await runCli([]));
    for (const path of [['version'], ['runner', 'job'], ['runner', 'job', 'list']])
      assert.deepEqual(await runCli(['help', ...path]), await runCli([...path, '--help']));
  });

  it('limits its help to 80 columns', async () => {
    for (const { path } of visibleCommands()) {
      const { stdout } = await runCli([...path, '--help']);
      const tooLong = stdout.split('\n').filter((line) => line.length > 80);
      assert.deepEqual(tooLong, [], path.join(' '));
    }
  });

  it('has examples in the help of every leaf command', async () => {
    for (const { path, isGroup } of visibleCommands()) {
      if (!isGroup) assert.match((await runCli([...path, '--help'])).stdout, /\nExamples:\n {2}\S/, path.join(' '));
    }
  });

  it('uses colours on a terminal only, and not when disabled', async () => {
    const colored = (run: { stdout: string }) => run.stdout.includes('\x1b[');
    assert.equal(colored(await runCli(['--help'], { columns: 80 })), true);
    assert.equal(colored(await runCli(['--help'])), false);
    assert.equal(colored(await runCli(['--help'], { columns: 80, env: { NO_COLOR: '1' } })), false);
    assert.equal(colored(await runCli(['--help', '--no-color'], { columns: 80 })), false);
    assert.equal(colored(await runCli(['server', '--help', '--no-color'], { columns: 80 })), false);
  });

  it('explains a usage error in one line, with a suggestion and a remedy', async () => {
    const cases = [
      [['sever'], `ERROR: unknown command 'sever' (did you mean server?). Run "plan42 --help".`],
      [
        ['server', 'task', 'lst'],
        `ERROR: unknown command 'lst' (did you mean list?). Run "plan42 server task --help".`,
      ],
      [
        ['server', 'task'],
        'ERROR: missing command: one of create, list, show, follow, message, cancel, delete. Run "plan42 server task --help".',
      ],
      [
        ['server', 'task', 'list', '--jsn'],
        `ERROR: unknown option '--jsn' (did you mean --json?). Run "plan42 server task list --help".`,
      ],
      [['runner', 'jbo'], `ERROR: unknown command 'jbo' (did you mean job?). Run "plan42 runner --help".`],
      [
        ['runner', 'job', 'klil'],
        `ERROR: unknown command 'klil' (did you mean kill?). Run "plan42 runner job --help".`,
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

  it('runs plan42-runner with all arguments', async () => {
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

  it('runs plan42-runner-config unless a subcommand follows', async () => {
    const handed: unknown[] = [];
    const handOver = (...call: unknown[]): never => {
      handed.push(call);
      throw new UserError('handed over', { exitCode: 5 });
    };
    for (const argv of [[], ['-c', 'x.toml', '--server', 'https://a'], ['--version']]) {
      const { exitCode } = await runCli(['runner', 'config', ...argv], { handOver });
      assert.deepEqual(handed.pop(), ['plan42-runner-config', argv]);
      assert.equal(exitCode, 5);
    }
    assert.deepEqual(await runCli(['runner', 'config', 'sett', 'a', 'b'], { handOver }), {
      exitCode: 2,
      stdout: '',
      stderr: `ERROR: unknown command 'sett' (did you mean set?). Run "plan42 runner config --help".\n`,
    });
    assert.deepEqual(handed, []);
  });

  it('exits without an error when its reader is gone', async () => {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    assert.deepEqual(await runCli(['--help'], { stdout }), { exitCode: 0, stdout: '', stderr: '' });
  });

  it('reports in one line that its output cannot be written', async () => {
    for (const argv of [['--help'], ['runner', '--help'], ['completion', 'bash']]) {
      const full = createWriteStream('/dev/full');
      const { exitCode, stderr } = await runCli(argv, { stdout: full });
      assert.equal(exitCode, 1);
      assert.match(stderr, /^ERROR: cannot write the output: ENOSPC: [^\n]+\n$/);
    }
  });
});
