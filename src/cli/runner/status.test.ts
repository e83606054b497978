import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parseAs } from '../../../test/support/json-schemas.ts';
import { makeRunnerHome, type RunnerHome } from '../../../test/support/runner-home.ts';
import type { RunnerStatus } from '../../control/messages.ts';
import { startControlServer } from '../../control/server.ts';
import { silentLogger } from '../../lib/logger.ts';
import { formatLocalTime } from '../output.ts';

let home: RunnerHome;
beforeEach(async () => {
  home = await makeRunnerHome();
});
afterEach(() => home[Symbol.asyncDispose]());

describe('plan42 runner status', () => {
  const answer: RunnerStatus = {
    ...{ version: '1.2.3', pid: 42, startedAt: '2026-01-02T03:04:05.678Z', configFile: '/c.toml', stateDir: '/s' },
    ...{ url: 'https://example.com/', runtime: 'podman', tenantId: 't', runnerId: 'r', instanceId: 'i' },
    ...{ phase: 'degraded', utilisation: 0.256 },
    troubles: [{ kind: 'refused', message: 'GET /x: 401\u001b[2J', since: '2026-01-02T03:05:05.678Z' }],
    queues: [{ queueId: '7c0e', phase: 'polling', utilisation: null, inFlight: 3 }],
    jobs: { running: 1, starting: 2, waiting: 3, ending: 4, max: 5 },
    lastError: { time: '2026-01-02T03:06:05.678Z', message: 'the job failed: no' },
  };
  const serve = (more: Partial<RunnerStatus> = {}) =>
    startControlServer({
      stateDir: home.path,
      logger: silentLogger,
      calls: { status: () => ({ ...answer, ...more }), kill: async () => 'unknown', reload: async () => null },
    });

  test('shows runner, queues, jobs and problems', async () => {
    await using _server = await serve();
    const job = await home.add({ title: 'Waits' });
    const { stdout, stderr, exitCode } = await home.runner(['status']);
    assert.deepEqual([exitCode, stderr], [0, '']);
    const at = (minute: number) => formatLocalTime(`2026-01-02T03:0${minute}:05.678Z`);
    assert.equal(
      stdout.replace(/ \(\d+ d \d+ h\)/, ' (long)'),
      `Runner         Running, degraded, since ${at(4)} (long), process 42; since ${at(5)} runner token rejected: GET /x: 401\\x1b[2J
Version        1.2.3
Server         https://example.com/
Runtime        podman
Queues         1, utilisation 26 %
Configuration  /c.toml
Jobs           1 of 5 running, 2 starting, 3 waiting, 4 being reported
Last error     ${at(6)} the job failed: no

Queue ID\tState\tUtilisation\tBeing Answered
7c0e\tpolling\tunknown\t3

Job ID\tTitle\tTurn Index\tRunning?\tCreated\tElapsed
${job.jobId}\tWaits\t1\tNo\t${formatLocalTime(job.acceptedAt)}
`,
    );
    const document = parseAs('runner-status.json', (await home.runner(['status', '--json'])).stdout);
    assert.deepEqual([document.runner, document.outdated], [answer, null]);
    assert.deepEqual([document.state, document.jobs[0].jobId], ['running', job.jobId]);
  });

  test('tells when the token ends, and how to replace one that ends soon', async () => {
    const endsIn = (days: number) => new Date(Date.now() + days * 86_400_000 + 60_000).toISOString();
    for (const [state, days, text] of [
      ['valid', 30, /^Token +valid until \S+ \S+$/m],
      ['ending', 5, /^Token +ends in 5 days, at \S+ \S+; replace it by a new one of the server$/m],
      ['expired', -3, /^Token +expired 2 days ago, at \S+ \S+; replace it/m],
    ] as const) {
      const token = { expiresAt: endsIn(days), state };
      await using _server = await serve({ token });
      assert.match((await home.runner(['status'])).stdout, text);
      assert.deepEqual(
        parseAs('runner-status.json', (await home.runner(['status', '--json'])).stdout).runner.token,
        token,
      );
    }
  });

  test('names a list from which GitHub left something out', async () => {
    const githubIncomplete = { time: '2026-01-02T03:07:05.678Z', reason: 'GitHub left out 2 organisations' };
    await using _server = await serve({ githubIncomplete });
    const line = `GitHub         list incomplete, at ${formatLocalTime(githubIncomplete.time)}: GitHub left out 2 organisations\n`;
    assert.ok((await home.runner(['status'])).stdout.includes(line));
    const { runner } = parseAs('runner-status.json', (await home.runner(['status', '--json'])).stdout);
    assert.deepEqual(runner.githubIncomplete, githubIncomplete);
  });

  test('shows the feeds of GitHub with their last poll', async () => {
    const feed = { connectionId: 'c1', org: 'acme', lastPoll: '2026-01-02T03:07:05.678Z', error: null };
    const feeds = [feed, { ...feed, org: 'globex', lastPoll: null, error: 'Bad credentials' }];
    await using _server = await serve({ githubEvents: { feeds, pending: 1 } });
    const { stdout } = await home.runner(['status']);
    const lines = stdout.split('\n').map((line) => line.split('\t'));
    assert.ok(
      lines.some(([org, , time, result]) => [org, time, result].join() === `acme,${formatLocalTime(feed.lastPoll)},ok`),
    );
    assert.ok(lines.some((cells) => cells.join() === 'globex,c1,none yet,Bad credentials'));
    const { runner } = parseAs('runner-status.json', (await home.runner(['status', '--json'])).stdout);
    assert.deepEqual(runner.githubEvents, { feeds, pending: 1 });
  });

  test('names the installed version if the runner is older, and how to restart it', async () => {
    await using _server = await serve({ version: '1.2.2' });
    const { stdout } = await home.runner(['status'], { platform: 'freebsd' });
    assert.match(
      stdout,
      /^Version +1\.2\.2, but 1\.2\.3 is installed\. Stop it with Ctrl-C or "kill 42", then run "plan42 r/m,
    );
    const json = await home.runner(['status', '--json'], { platform: 'freebsd' });
    assert.equal(parseAs('runner-status.json', json.stdout).outdated.installedVersion, '1.2.3');
  });

  test('lets stop explain how to stop a runner in the foreground', async () => {
    await using _ = await serve();
    const { exitCode, stdout, stderr } = await home.runner(['stop'], { platform: 'freebsd' });
    assert.deepEqual([exitCode, stdout], [6, '']);
    assert.match(stderr, /^ERROR: the running runner \(process 42\) was not started as a service\. .*"kill 42"\.\n$/);
  });

  test('shows unfinished jobs if the runner is not running', async () => {
    await home.add({ title: 'Waits' });
    const run = await home.runner(['status']);
    assert.match(run.stdout, /^Runner +Not Running\n(.+\n)+Jobs +0 running, 1 waiting\n\nJob ID/);
    const json = await home.runner(['status', '--json']);
    assert.equal(json.exitCode, 1);
    const document = parseAs('runner-status.json', json.stdout);
    assert.deepEqual([document.state, document.runner, document.jobs.length], ['not-running', null, 1]);
  });

  test('uses colours on a terminal only', async () => {
    await using _server = await serve();
    assert.ok((await home.runner(['status'], { columns: 80 })).stdout.includes('\u001b[31mRunning, degraded'));
    const plain = await home.runner(['status'], { columns: 80, env: { NO_COLOR: '1' } });
    assert.ok(!plain.stdout.includes('\u001b'));
  });

  test('escapes what a path makes a terminal do', async () => {
    const hostile = join(home.path, '\u001b[2Jx\u202ey');
    await mkdir(hostile, { mode: 0o700 });
    await writeFile(join(hostile, 'c.toml'), '', { mode: 0o600 });
    const { stdout } = await home.runner(['status', '--state-dir', hostile], {
      env: { PLAN42_CONFIG_FILE: `${hostile}/c.toml` },
    });
    assert.match(stdout, /^State folder +\/\S+\/\\x1b\[2Jx\\u202ey$/m);
    assert.match(stdout, /^Configuration +\/\S+\/\\x1b\[2Jx\\u202ey\/c\.toml$/m);
  });

  test('works without a state folder', async () => {
    await rm(home.path, { recursive: true });
    assert.equal((await home.runner(['status'])).exitCode, 1);
  });
});
