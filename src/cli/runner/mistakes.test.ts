import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { makeRunnerHome, type RunnerHome, taskId } from '../../../test/support/runner-home.ts';

let home: RunnerHome;
beforeEach(async () => {
  home = await makeRunnerHome();
});
afterEach(() => home[Symbol.asyncDispose]());

describe('one line and an exit code for', () => {
  const cases: [what: string, argv: () => Promise<string[]>, exitCode: number, error: RegExp][] = [
    [
      'a path for an ID',
      async () => ['job', 'logs', '../../etc/passwd'],
      2,
      /"\.\.\/\.\.\/etc\/passwd" is not a job ID/,
    ],
    ['an option for an ID', async () => ['job', 'kill', '--', '-f'], 2, /"-f" is not a job ID/],
    ['an empty ID', async () => ['job', 'kill', ''], 2, /"" is not a job ID/],
    [
      'an ID that would write on a terminal',
      async () => ['job', 'logs', '\u001b[2J\n'],
      2,
      /"\\x1b\[2J" is not a job ID/,
    ],
    [
      'an unknown job',
      async () => ['job', 'logs', 'plan42-3f'],
      1,
      /no job plan42-3f on this machine\. List the jobs: "plan42 runner job list -a"/,
    ],
    [
      'an ambiguous prefix',
      async () => {
        for (const n of [1, 2, 3, 4]) await home.addFinished({ taskId: taskId(n) });
        return ['job', 'kill', '0000000'];
      },
      1,
      new RegExp(
        `4 jobs start with 0000000: plan42-${taskId(1)}-1, plan42-${taskId(2)}-1, plan42-${taskId(3)}-1, …\\.`,
      ),
    ],
    [
      'a job that has not started',
      async () => ['job', 'logs', (await home.add()).jobId],
      1,
      /has not started yet\. Use -f/,
    ],
    [
      'a log that is gone',
      async () => ['job', 'logs', '-f', (await home.addFinished({ startedAt: new Date().toISOString() })).jobId],
      1,
      /no log of job/,
    ],
    [
      'the log of a job that was refused',
      async () => ['job', 'logs', (await home.addFinished()).jobId],
      1,
      /never started, so it has no log\. The error message of its turn has the reason/,
    ],
    ['no service log', async () => ['logs'], 1, /no log at .*runner\.log\. Start the runner/],
    ['a wrong number of lines', async () => ['logs', '-n', '-1'], 2, /must be a whole number, or "all"/],
    ['a runner that is down', async () => ['status'], 1, /the runner is not running\. Start it with/],
    [
      'a missing configuration',
      async () => ['job', 'list', '-c', '/none.toml'],
      3,
      /configuration file \/none\.toml not found/,
    ],
    [
      'a folder for a configuration',
      async () => ['status', '-c', home.path],
      3,
      /the configuration file .* is a folder/,
    ],
    [
      'bad TOML',
      async () => ['job', 'logs', 'p', '-c', await home.configuration('[runner\n')],
      3,
      /config\.toml:\d+:\d+: /,
    ],
    [
      'a wrong type',
      async () => ['status', '-c', await home.configuration('jobs.cpus = "x"')],
      3,
      /config\.toml:1:1: jobs\.cpus/,
    ],
    [
      'a file for a state folder',
      async () => ['job', 'list', '--state-dir', await home.configuration('')],
      1,
      /cannot read the state folder/,
    ],
    [
      'an empty state folder',
      async () => ['status', '--state-dir', ''],
      2,
      /'--state-dir <folder>' argument '' is invalid\. It must not be empty/,
    ],
    [
      'an empty configuration',
      async () => ['enable', '-c', ''],
      2,
      /'-c, --config-file <file>' argument '' is invalid/,
    ],
    ['a mistyped command', async () => ['job', 'lst'], 2, /unknown command 'lst' \(did you mean list\?\)/],
    ['a mistyped option', async () => ['job', 'logs', 'p', '--folow'], 2, /did you mean --follow\?/],
    ['a missing ID', async () => ['job', 'kill'], 2, /missing required argument 'id'/],
    [
      'a configuration that is needed to kill without a runner',
      async () => {
        await mkdir(join(home.path, '.config'));
        await writeFile(join(home.path, '.config/plan42-runner.toml'), 'x');
        const { jobId } = await home.add({ phase: 'started' });
        // This process is the one that runs it, as far as can be seen.
        const folder = join(home.path, 'jobs/active', jobId);
        await writeFile(join(folder, `supervisor.running.${process.pid}`), '');
        process.title = `sh plan42-job ${folder} x`;
        return ['job', 'kill', jobId];
      },
      3,
      /the configuration is invalid/,
    ],
  ];
  for (const [what, argv, code, error] of cases) {
    test(what, async () => {
      const { exitCode, stdout, stderr } = await home.runner(await argv());
      const [line = '', ...more] = stderr.trimEnd().split('\n');
      assert.match(line, /^ERROR: /);
      assert.match(line, error);
      assert.deepEqual(more, []);
      assert.equal(exitCode, code);
      if (what !== 'a runner that is down') assert.equal(stdout, '');
    });
  }
});
