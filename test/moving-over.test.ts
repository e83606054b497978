/** This runner in the place of the Go runner: with its configuration, options and log folder. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseToml } from '../src/config/toml/parse.ts';
import { startControlPlane } from './support/control-plane.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { parseAs } from './support/json-schemas.ts';
import { runCli } from './support/run-cli.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';

const runner = join(import.meta.dirname, '../bin/plan42-runner');

test('a configuration of the Go runner works as it is, and stays one that the Go runner reads', async (t) => {
  const engines = await requires(t, 'podman', 'registry');
  if (!engines) return;
  await using dir = await makeTempDir();
  await using plane = await startControlPlane();
  const config = join(dir.path, '.config/plan42-runner.toml');
  const state = join(dir.path, '.local/state/plan42-runner');
  await mkdir(join(dir.path, '.config'), { mode: 0o700 });
  await mkdir(join(state, 'logs'), { recursive: true, mode: 0o700 });
  await chmod(state, 0o700);
  const oldLog = 'plan42-0b1fd9c9-9e0f-4f3c-9a51-111111111111-1.log';
  await writeFile(join(state, 'logs', oldLog), 'an old job\n', { mode: 0o600 });
  const written = `[runner]
url = "${plane.server.url}"
token = "${await plane.newToken()}"
skip_ssl_verify = false
runtime = "Podman"
openai_endpoint = ""
openai_token = ""

[github]
[github.my-github]
name = "my-github"
url = "https://github.com"
connection_id = "3E3819C6-AEEB-493C-9A9D-13F87C3BA9B9"
token = "ghp_0123456789"
`;
  await writeFile(config, written, { mode: 0o600 });
  const podman = join(dir.path, 'its own podman');
  await writeFile(podman, `#!/bin/sh\necho used >>'${dir.path}/used'\nexec podman "$@"\n`);
  await chmod(podman, 0o755);

  const env = { PATH: process.env['PATH'], HOME: dir.path, ...engines.podman.env };
  const flags = ['--podman-path', podman, '--container-path', '/usr/local/bin/no-container'];
  const child = spawn(runner, [...flags, '--set', 'queues.drain_time=300ms'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exit = once(child, 'exit');
  try {
    await eventually(async () => log.includes('runner ready'), 20_000).catch(() => assert.fail(log));
    const taskId = await startTask(plane, engines.images.agent, 'echo done');
    const { turn } = await untilOver(plane, taskId);
    assert.match(turn.ErrorMessage, /exit code 0/);
    await eventually(async () => log.includes('job finished'));
    const logs = await readdir(join(state, 'logs'));
    assert.ok(logs.includes(`${jobIdOf(taskId)}.log`), logs.join());
    assert.equal(await readFile(join(state, 'logs', oldLog), 'utf8'), 'an old job\n');
    assert.match(await readFile(join(dir.path, 'used'), 'utf8'), /^used\n/);
    const warnings = log.split('\n').filter((line) => / WARN /.test(line));
    assert.deepEqual(
      warnings.filter((line) => !line.includes('executable not found, using the one in PATH command=container')),
      [],
    );
    assert.equal(warnings.length, 1);
  } finally {
    child.kill('SIGTERM');
    await exit;
  }
  assert.equal(await readFile(config, 'utf8'), written);

  // Edits by this program leave all that the Go runner knows as it was.
  const set = await runCli(['runner', 'config', 'set', 'jobs.max_jobs=3', 'runner.no_websearch=true'], { env });
  assert.equal(set.exitCode, 0, set.stderr);
  const before = parseToml(written).values as Record<string, object>;
  const after = parseToml(await readFile(config, 'utf8')).values as Record<string, object>;
  assert.deepEqual(after['runner'], { ...before['runner'], no_websearch: true });
  assert.deepEqual(after['github'], before['github']);
});

test('a home folder in which the Go runner has worked is taken over, and loses nothing', async () => {
  await using dir = await makeTempDir();
  await using plane = await startControlPlane();
  const home = dir.path;
  const oldJobs = ['0b1fd9c9-9e0f-4f3c-9a51-111111111111', '0b1fd9c9-9e0f-4f3c-9a51-222222222222'];
  const state = '.local/state/plan42-runner';
  const checkpoint = {
    '3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9:acme': { last_event_id: '7', etag: '"x"', poll_interval_seconds: 60 },
  };
  // By default, Go programs create folders with mode 0755.
  for (const folder of [
    '.config',
    `${state}/logs`,
    `${state}/jobs`,
    'Library/LaunchAgents',
    'Library/Logs/ai.plan42.runner',
  ])
    await mkdir(join(home, folder), { recursive: true, mode: 0o755 });
  const files: Record<string, string> = {
    '.config/plan42-runner.toml': `[runner]
url = "${plane.server.url}"
token = "${await plane.newToken()}"
skip_ssl_verify = false
runtime = ""

[github]
[github.my-github]
name = "my-github"
url = "http://127.0.0.1:9"
connection_id = "3E3819C6-AEEB-493C-9A9D-13F87C3BA9B9"
token = "ghp_0123456789"
`,
    '.config/plan42-runner.checkpoint.json': JSON.stringify(checkpoint),
    [`${state}/logs/plan42-${oldJobs[0]}-1.log`]: 'an old job\n',
    [`${state}/logs/plan42-${oldJobs[1]}-2.log`]: 'x'.repeat(100_000),
    [`${state}/logs/plan42-runner.log`]: 'time=2026-01-02T03:04:05Z level=INFO msg="runner ready"\n',
    [`${state}/logs/plan42-runner-2026-01-02T03-04-05.000.log.gz`]: 'compressed',
    [`${state}/jobs/plan42-${oldJobs[0]}-1.json`]: '{"TaskId":"x"}',
    [`${state}/runner.pid`]: '1\n',
    'Library/LaunchAgents/ai.plan42.runner.plist': '<plist version="1.0"><dict/></plist>',
    'Library/Logs/ai.plan42.runner/runner.log': 'old\n',
  };
  for (const [path, content] of Object.entries(files)) await writeFile(join(home, path), content, { mode: 0o600 });

  const command = ['sh', '-c', 'cat >/dev/null; echo done'];
  const env = { PATH: process.env['PATH'], HOME: home };
  const settings = [
    'queues.drain_time=300ms',
    'queues.poll_wait=1s',
    'runner.runtime=host',
    'host.unisolated=true',
    `host.command=${JSON.stringify(command)}`,
  ];
  const args = settings.flatMap((setting) => ['--set', setting]);
  for (const start of [1, 2]) {
    const child = spawn(runner, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const exit = once(child, 'exit');
    try {
      await eventually(async () => log.includes('runner ready'), 20_000).catch(() => assert.fail(log));
      const taskId = await plane.newTask();
      await untilOver(plane, taskId);
      await eventually(async () => log.includes('job finished'));
      const logs = await runCli(['runner', 'job', 'logs', jobIdOf(taskId)], { env });
      assert.equal(logs.stdout, 'done\n');
      assert.equal(log.includes('GitHub event checkpoints imported'), start === 1, log);
    } finally {
      child.kill('SIGTERM');
      await exit;
    }
    const warnings = log.split('\n').filter((line) => / (?:WARN|ERROR) /.test(line));
    assert.ok(warnings.length <= 1, warnings.join('\n'));
    for (const [path, content] of Object.entries(files)) {
      assert.equal(await readFile(join(home, path), 'utf8'), content, path);
    }
  }
  const listed = await runCli(['runner', 'job', 'list', '-a', '--json'], { env });
  assert.equal(listed.exitCode, 0, listed.stderr);
  assert.equal(JSON.parse(listed.stdout).length, 2, 'the jobs of this runner');
});

for (const name of ['docker', 'podman'] as const) {
  test(`doctor and validate name containers of the Go runner that still run in ${name}`, async (t) => {
    const engines = await requires(t, name, 'registry');
    if (!engines) return;
    await using dir = await makeTempDir();
    const { env } = engines[name];
    const engine = (...args: string[]) => run(name, args, { env });
    const jobId = `plan42-${randomUUID()}-1`;
    const config = join(dir.path, 'runner.toml');
    await writeFile(config, `[runner]\nurl = "http://127.0.0.1:1"\nruntime = "${name}"\n`, { mode: 0o600 });
    // The same check as in doctor, which takes longer.
    const warnings = async () => {
      const argv = ['runner', 'config', 'validate', '--json', '-c', config];
      const { stdout } = await runCli(argv, { env: { PATH: process.env['PATH'], HOME: dir.path, ...env } });
      const { findings } = parseAs('runner-config-validate.json', stdout);
      return (findings as { message: string; remedy: string | null }[])
        .filter(({ message }) => message.includes('of another runner'))
        .map(({ message, remedy }) => `${message}. ${remedy}`);
    };
    const command = ['--entrypoint', '/bin/sh', engines.images.agent, '-c', 'sleep 600'];
    await engine('run', '--detach', '--name', jobId, ...command);
    const owned = `plan42-${randomUUID()}-1`;
    await engine('run', '--detach', '--name', owned, '--label', 'ai.plan42.instance=other', ...command);
    try {
      const [text = '', ...others] = await warnings();
      assert.ok(text.includes(jobId) && text.includes(`${name} stop `), text);
      assert.ok(!text.includes(owned), 'it has a runner like this one');
      assert.deepEqual(others, []);
    } finally {
      await engine('rm', '--force', '--time', '0', jobId, owned).catch(() => engine('rm', '--force', jobId, owned));
    }
    assert.ok(!(await warnings()).join().includes(jobId));
  });
}
