import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { exists } from '../lib/files.ts';
import { commandLine, listProcesses } from '../lib/processes.ts';
import { type Companion, isCompanionKept, listCompanions, startCompanion, stopCompanion } from './companion.ts';

const skip = process.platform !== 'linux';

/** A companion that runs a shell script, which gets the folder as its first argument. */
async function setUp(script: string) {
  const dir = await makeTempDir();
  const folder = join(dir.path, 'job/egress');
  await mkdir(folder, { recursive: true });
  const companion: Companion = {
    folder,
    failureFile: join(folder, 'failed'),
    command: ['/bin/sh', '-c', script, 'companion-of-test'],
    env: { PATH: '/usr/bin:/bin' },
  };
  return {
    root: dir.path,
    folder,
    companion,
    read: async (name: string) => readFile(join(folder, name), 'utf8').catch(() => ''),
    [Symbol.asyncDispose]: async () => {
      await stopCompanion(folder);
      await dir[Symbol.asyncDispose]();
    },
  };
}

test('a companion that is killed runs again, until it is stopped', { skip }, async () => {
  await using setting = await setUp('echo $$ >>"$1/pids"; while :; do sleep 0.1; done');
  const { root, folder, companion, read } = setting;
  await startCompanion(companion);
  const pids = async () => (await read('pids')).trim().split('\n').filter(Boolean).map(Number);
  for (let starts = 1; starts <= 3; starts += 1) {
    await eventually(async () => (await pids()).length === starts);
    assert.equal(await isCompanionKept(companion), true);
    process.kill((await pids()).at(-1) ?? 0, 'SIGKILL');
  }
  assert.deepEqual(await listCompanions(root), ['job/egress']);
  await eventually(async () => (await pids()).length === 4);
  await stopCompanion(folder);
  assert.equal(await isCompanionKept(companion), false);
  assert.deepEqual(await listCompanions(root), []);
  // A zombie has no command line.
  for (const pid of await pids()) assert.equal(await commandLine(pid), '');
  assert.equal(await exists(join(folder, 'failed')), false, 'being killed is no failure');
});

test('a companion whose script was killed is stopped, too', { skip }, async () => {
  await using setting = await setUp('trap "" TERM; echo $$ >"$1/pids"; while :; do sleep 0.1; done');
  const { folder, companion, read } = setting;
  await startCompanion(companion);
  await eventually(async () => (await read('pids')) !== '');
  const pid = Number(await read('pids'));
  const script = (await listProcesses()).find((entry) => entry.pid === pid)?.parent ?? 0;
  process.kill(script, 'SIGKILL');
  await eventually(async () => !(await isCompanionKept(companion)));
  await stopCompanion(folder);
  assert.equal(await commandLine(pid), '');
});

test('a companion that fails at once three times has its reason in a file', { skip }, async () => {
  await using setting = await setUp('echo "first line" >&2; echo "the reason" >&2; exit 1');
  const { companion, read } = setting;
  await startCompanion(companion);
  await eventually(async () => (await read('failed')) === 'the reason\n');
  assert.equal(await isCompanionKept(companion), true);
});

test('a companion ends with its folder, or as soon as it has ended', { skip }, async () => {
  for (const end of [
    (folder: string) => rm(folder, { recursive: true }),
    (folder: string) => writeFile(join(folder, 'ended'), ''),
  ]) {
    await using setting = await setUp('until test -e "$1/ended" || ! test -e "$1"; do sleep 0.05; done');
    const { folder, companion } = setting;
    await startCompanion(companion);
    assert.equal(await isCompanionKept(companion), true);
    await end(folder);
    await eventually(async () => !(await isCompanionKept(companion)));
  }
});
