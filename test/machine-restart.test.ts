/** A restart of the machine leaves a state file of another boot and no process. This test creates that state. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type CrashRuntime, requireEngine, setUpCrash } from './support/crash/setting.ts';
import { run } from './support/engines/processes.ts';
import { eventually } from './support/eventually.ts';
import { getTurn } from './support/tasks.ts';

suite('the machine restarts under a running agent', { concurrency: true }, () => {
  for (const runtime of ['host', 'podman', 'docker'] as const) {
    test(`on ${runtime}, and the turn’s error message names the restart`, (t) => restartUnder(t, runtime));
  }
});

async function restartUnder(t: TestContext, runtime: Exclude<CrashRuntime, 'kubernetes'>): Promise<void> {
  const engine = runtime === 'host' ? undefined : await requireEngine(t, runtime);
  if (runtime !== 'host' && !engine) return;
  await using setting = await setUpCrash({ runtime, engine, maxJobs: 1 });
  const plan = { key: 'agent', lines: 10_000, linePauseMs: 20, end: { kind: 'exit', code: 1 } } as const;
  const [job] = await setting.start([plan]);
  assert.ok(job);
  await eventually(async () => setting.desk.starts.size === 1);

  await setting.kill();
  const folder = join(setting.stateDir, 'jobs/active', job.jobId);
  const mark = (await readdir(folder)).find((name) => name.startsWith('supervisor.running.')) ?? '';
  await killGroup(Number(mark.split('.').at(-1)));
  if (engine) await run(runtime, ['kill', '--signal', 'KILL', job.jobId], { env: engine.env });
  await writeFile(join(folder, mark), 'the boot before this one');
  await setting.restart();

  await setting.untilOver([job]);
  const { ErrorMessage, Status } = await getTurn(setting.plane, job.taskId);
  assert.equal(Status, 'Failed');
  assert.match(
    ErrorMessage,
    /^The machine restarted while the agent was running\. Its log is on .+ logs (--state-dir \S+ )?plan42-/,
  );
  assert.equal(setting.desk.starts.get('agent'), 1);
}

async function killGroup(pid: number): Promise<void> {
  assert.ok(pid > 1);
  process.kill(-pid, 'SIGKILL');
}
