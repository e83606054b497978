/** The disk with the runner's state is full: nothing is lost, nothing crashes, and everything continues when there is space again. */
import assert from 'node:assert/strict';
import { appendFile, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertJobReported, assertNothingLeft } from './support/crash/expectations.ts';
import { setUpCrash } from './support/crash/setting.ts';
import { run } from './support/engines/processes.ts';
import { eventually } from './support/eventually.ts';
import { getTurn, untilOver } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';

test('a full disk affects no running job, and new ones are rejected with the reason', async (t) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    t.skip('missing prerequisite: a small disk: only root can mount one');
    return;
  }
  await using undo = new AsyncDisposableStack();
  const disk = undo.use(await makeTempDir());
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'none', disk.path]);
  undo.defer(async () => void (await run('umount', ['--lazy', disk.path])));
  const mount = async (stateDir: string) => {
    await rm(stateDir, { recursive: true });
    await symlink(disk.path, stateDir);
  };
  const setting = await setUpCrash({
    runtime: 'host',
    engine: undefined,
    maxJobs: 2,
    hidesSlots: true,
    prepareState: mount,
  });
  undo.use(setting);
  const { desk, stateDir, plane } = setting;
  const running = await setting.start([
    { key: 'exits', lines: 2, linePauseMs: 3000, end: { kind: 'exit', code: 3 } },
    { key: 'finishes', lines: 2, linePauseMs: 3000, end: { kind: 'finish', code: 0 } },
  ]);
  await eventually(async () => desk.starts.size === 2);
  const [waiting] = await setting.start([{ key: 'waits', lines: 1, linePauseMs: 0, end: { kind: 'exit', code: 0 } }]);
  assert.ok(waiting);
  await setting.runner().logged(/waiting for slot/);

  // The agents' lines have space already.
  await eventually(async () => (await logsOf(stateDir, running)).every((log) => log.includes('line 1\n')));
  const full = await keepFull(stateDir);
  const [refused] = await setting.start([{ key: 'new', lines: 1, linePauseMs: 0, end: { kind: 'exit', code: 0 } }]);
  assert.ok(refused);
  const { turn } = await untilOver(plane, refused.taskId);
  assert.match(turn.ErrorMessage, /cannot save the job: .*no space left on device/);

  for (const { taskId } of running) await untilOver(plane, taskId);
  const message = (await untilOver(plane, waiting.taskId)).turn.ErrorMessage;
  assert.match(message, /^The agent was not started: on .+ there is no space left for the job’s files\.$/);

  await setting.kill();
  await setting.restart();
  await setting.runner().ready();
  await setting.runner().logged(/cannot save job result, retrying/);
  await full[Symbol.asyncDispose]();

  await setting.untilOver(running);
  for (const job of running) await assertJobReported(job, setting);
  await assertNothingLeft([...running, waiting, refused], setting);
  assert.deepEqual([desk.starts.get('waits'), desk.starts.get('new')], [undefined, undefined]);
  const [later] = await setting.start([{ key: 'later', lines: 1, linePauseMs: 0, end: { kind: 'exit', code: 9 } }]);
  assert.ok(later);
  await setting.untilOver([later]);
  await assertJobReported(later, setting);
  assert.equal((await getTurn(plane, later.taskId)).Status, 'Failed');
});

async function logsOf(stateDir: string, jobs: readonly { jobId: string }[]): Promise<string[]> {
  return Promise.all(jobs.map(({ jobId }) => readFile(join(stateDir, 'logs', `${jobId}.log`), 'utf8')));
}

/** Keeps the disk full until it is disposed of. */
async function keepFull(folder: string): Promise<AsyncDisposable> {
  const filler = join(folder, 'filler');
  const page = Buffer.alloc(4096);
  const fill = async () => {
    for (;;) await appendFile(filler, page);
  };
  await assert.rejects(fill(), { code: 'ENOSPC' });
  let filling: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    filling = fill().catch(() => {});
  }, 10);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await filling;
      await rm(filler, { force: true });
    },
  };
}
