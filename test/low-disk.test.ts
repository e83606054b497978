/** A disk fills up (a real one if this process may mount it): new jobs are rejected, everything else continues. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from './support/eventually.ts';
import { MessagePlane } from './support/message-plane.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

const run = promisify(execFile);

test('low disk space rejects jobs with an error; pings, running and waiting jobs continue', async (t) => {
  await using dir = await makeTempDir();
  const disk = join(dir.path, 'disk');
  await mkdir(disk);
  await using mount = await mountSmallDisk(t, disk, 'size=8m');
  if (mount === undefined) return;
  const folder = join(disk, 'runner');
  await mkdir(folder);
  await using plane = await new MessagePlane().listen();
  const end = join(dir.path, 'end');
  const command = JSON.stringify(['/bin/sh', '-c', `cat >/dev/null; until [ -e ${end} ]; do sleep 0.1; done; exit 7`]);
  // 4 of 8 MiB.
  const config = `[jobs]\nmax_jobs = 1\nmin_free_gib = 0.00390625\n[host]\nunisolated = true\ncommand = ${command}\n`;
  const { url, token } = plane;
  await using runner = await RunnerProcess.start({ url, token, runtime: 'host', config, folder });
  await runner.ready();

  const invoke = async (taskId: string) => {
    const turn = { TenantId: plane.tenantId, TaskId: taskId, TurnIndex: 1, Version: 1, Status: 'Pending' };
    const body = { Type: 'InvokeAgentRequest', Turn: turn, Environment: { DockerImage: 'a' }, AgentToken: 'p42a_x' };
    const [answer] = await plane.deliver([plane.message(body)]);
    return answer?.['ErrorMessage'] as string | null | undefined;
  };
  const ping = async () => (await plane.deliver([plane.message({ Type: 'PingRequest' })]))[0]?.['Type'] as unknown;

  const [running, waiting, refused] = [randomUUID(), randomUUID(), randomUUID()];
  assert.equal(await invoke(running), null);
  await runner.logged(/job started/);
  assert.equal(await invoke(waiting), null);
  await runner.logged(/waiting for slot/);

  await writeFile(join(folder, 'ballast'), Buffer.alloc(5 * 2 ** 20));
  const folderShown = join(folder, 'state').replaceAll('.', String.raw`\.`);
  const why = `^not enough disk space on ${hostname()}: [\\d.]+ MiB free for jobs in ${folderShown}, 4\\.0 MiB are needed`;
  assert.match((await invoke(refused)) ?? '', new RegExp(why));
  assert.match((await invoke(running)) ?? '', /already queued or running/, 'a running job is reported as running');
  assert.equal(await ping(), 'PingResponse');
  await runner.logged(/not accepting jobs error=.*not enough disk space/);

  await writeFile(join(folder, 'last-drop'), Buffer.alloc(8 * 2 ** 20)).catch(() => {});
  assert.match((await invoke(refused)) ?? '', /: 0 bytes free for jobs/);
  assert.equal(await ping(), 'PingResponse');
  await rm(join(folder, 'last-drop'));
  await writeFile(end, '');
  // The disk is still full: accepted jobs finish.
  await eventually(async () => runner.log.split('job finished').length === 3);
  assert.equal(plane.turnUpdates.filter((update) => /exit code 7/.test(JSON.stringify(update))).length, 2);

  await rm(join(folder, 'ballast'));
  assert.equal(await invoke(refused), null);
  await eventually(async () => runner.log.split('job finished').length === 4);
});

test('a file system without inodes rejects jobs with the reason; status and doctor name it', async (t) => {
  await using dir = await makeTempDir();
  const disk = join(dir.path, 'disk');
  await mkdir(disk);
  await using mount = await mountSmallDisk(t, disk, 'size=64m,nr_inodes=1500');
  if (mount === undefined) return;
  const folder = join(disk, 'runner');
  await mkdir(folder);
  await using plane = await new MessagePlane().listen();
  const command = JSON.stringify(['/bin/sh', '-c', 'cat >/dev/null; exit 7']);
  const config = `[jobs]\nmin_free_gib = 0\n[host]\nunisolated = true\ncommand = ${command}\n`;
  const { url, token } = plane;
  await using runner = await RunnerProcess.start({ url, token, runtime: 'host', config, folder });
  await runner.ready();

  const files = join(disk, 'files');
  await mkdir(files);
  await createFiles(files, 600);
  const turn = { TenantId: plane.tenantId, TaskId: randomUUID(), TurnIndex: 1, Version: 1, Status: 'Pending' };
  const body = { Type: 'InvokeAgentRequest', Turn: turn, Environment: { DockerImage: 'a' }, AgentToken: 'p42a_x' };
  const invoke = async () => (await plane.deliver([plane.message(body)]))[0]?.['ErrorMessage'] as string | null;
  assert.match((await invoke()) ?? '', /^not enough inodes on \S+: \d+ free for jobs in \S+, 1000 are needed/);
  await runner.logged(/not accepting jobs error=.*not enough inodes/);
  const environment = { env: { ...process.env, PLAN42_STATE_DIR: join(folder, 'state') } };
  const plan42 = join(import.meta.dirname, '../bin/plan42');
  const { stdout: status } = await run(plan42, ['runner', 'status'], environment);
  assert.match(status, /not enough inodes/);
  const doctor = await run(plan42, ['runner', 'doctor', '--json'], environment).catch((error) => error);
  assert.match(doctor.stdout, /\d+ inodes free for [^"]+: jobs are rejected below 1000/);
  assert.match(doctor.stdout, /df -i /);

  await rm(files, { recursive: true });
  assert.equal(await invoke(), null);
  await runner.logged(/job finished/);
});

async function createFiles(folder: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await writeFile(join(folder, String(i)), '');
}

/** @param size options of a tmpfs */
async function mountSmallDisk(t: TestContext, dir: string, size: string): Promise<AsyncDisposable | undefined> {
  try {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error('mounting needs root on Linux');
    await run('mount', ['-t', 'tmpfs', '-o', size, 'none', dir]);
  } catch (error) {
    t.skip(`missing prerequisite: mount: ${(error as Error).message}`);
    return undefined;
  }
  return { [Symbol.asyncDispose]: async () => void (await run('umount', ['--lazy', dir])) };
}
