/** `plan42 runner config set` as scripts use it: several at once, and while a runner runs. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startControlPlane } from './support/control-plane.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

const executable = join(import.meta.dirname, '../bin/plan42');
const run = promisify(execFile);

test('of twenty at once none is lost', async () => {
  await using dir = await makeTempDir();
  const file = join(dir.path, 'plan42-runner.toml');
  const names = Array.from({ length: 20 }, (_, index) => `github.c${index}.name`);
  const env = { PATH: process.env['PATH'], HOME: dir.path };
  await Promise.all(
    names.map((name) => run(executable, ['runner', 'config', 'set', `${name}=x`, '-c', file], { env })),
  );
  const text = await readFile(file, 'utf8');
  assert.equal(text.match(/^name = "x"$/gm)?.length, 20, text);
});

test('a running runner reports whether it uses the change', async () => {
  await using plane = await startControlPlane();
  await using runner = await RunnerProcess.start({
    url: plane.server.url,
    token: await plane.newToken(),
    runtime: 'host',
    config: '[host]\nunisolated = true\ncommand = ["/bin/sh"]\n',
  });
  await runner.ready();
  const file = join(runner.folder, 'plan42-runner.toml');
  const env = { PATH: process.env['PATH'], HOME: runner.folder, PLAN42_STATE_DIR: join(runner.folder, 'state') };
  const set = async (...args: string[]) => (await run(executable, ['runner', 'config', ...args], { env })).stderr;

  const used = await set('set', 'github.work.connection_id=nonsense', '-c', file);
  assert.match(used, /^Saved \S+\. The running runner has applied the change\.$/m);
  await runner.logged(/GitHub connections replaced/);
  await runner.logged(/WARN.*github\.work\.connection_id is not a UUID/i);

  const models = await set(
    'set',
    'runner.openai_endpoint=https://models.example.com',
    'runner.no_websearch=false',
    '-c',
    file,
  );
  assert.match(models, /^Saved \S+\. The running runner has applied the change\.$/m);
  await runner.logged(/model settings replaced/);

  const later = await set('set', 'jobs.pids=99', 'github.work.name=w', '-c', file);
  assert.match(later, /Restart the runner to apply jobs\.pids: "plan42 runner stop"/);
  const { stdout } = await run(executable, ['runner', 'config', 'unset', 'github.work', '-c', file, '--json'], { env });
  assert.equal(JSON.parse(stdout).runner, 'used');

  const other = await set('set', 'jobs.pids=99', '-c', `${file}.other`);
  assert.match(other, /The running runner uses another file, \S+plan42-runner\.toml\./);

  const { body } = await plane.call('PUT', `runners/${crypto.randomUUID()}`, {
    body: { Name: 'other', IsCloud: false, RunsTasks: true, ProxiesGithub: false },
  });
  const others = await plane.newToken(`${plane.tenant}/runners/${body.RunnerId}`);
  const refused = run(executable, ['runner', 'config', 'set', 'runner.token', '-c', file], { env });
  refused.child.stdin?.end(others);
  assert.match(
    (await refused).stderr,
    /rejected the new configuration and keeps the old one: the new token belongs to another runner\.$/m,
  );
});
