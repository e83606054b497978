/**
 * Commands and the configuration screen whose output is not read: they wait with little memory, lose nothing, and end at a signal.
 * PLAN42_BLOCKED_SECONDS=60 blocks them for a minute, all at the same time.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Blockage, makeBlockableOutput } from './support/breakable-output.ts';
import { configScreen } from './support/config-screen.ts';
import { eventually } from './support/eventually.ts';
import { handlesHangup, residentMib } from './support/process-usage.ts';
import { requiresCommands } from './support/requires-command.ts';
import { startTestServer } from './support/start-test-server.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { startTerminal } from './support/terminal.ts';

const bin = join(import.meta.dirname, '../bin');
const blockages = ['unread', 'stopped'] as const;
const blockedMs = 1000 * Number(process.env['PLAN42_BLOCKED_SECONDS'] ?? 1);
// Much more than a command may hold, and all that the system buffers for it.
const hugeBytes = 400 * 2 ** 20;
const maxMib = 250;
const manyLines = numberedLines(100_000);
const concurrency = blockedMs < 10_000 ? 4 : 40;

suite('commands whose output is blocked', { timeout: 600_000, concurrency }, () => {
  for (const blockage of blockages) {
    test(`${blockage} before the first line: all lines are written later`, async () => {
      await using place = await makePlace(blockage, manyLines);
      await place.output.break();
      const child = place.start(['runner', 'logs']);
      await hold(child);
      place.output.mend();
      assert.deepEqual(await exitOf(child), [0, null]);
      await place.shows(manyLines);
    });

    test(`${blockage} in the middle: all lines are written later`, async () => {
      await using place = await makePlace(blockage, manyLines.repeat(10));
      const child = place.start(['runner', 'logs']);
      await eventually(async () => place.output.text() !== '');
      await place.output.break();
      const shown = place.output.text().length;
      await hold(child);
      assert.ok(shown < manyLines.length * 10, 'it was in the middle');
      place.output.mend();
      assert.deepEqual(await exitOf(child), [0, null]);
      await place.shows(manyLines.repeat(10));
    });

    test(`${blockage} while following: all lines are written later, and a signal ends it`, async () => {
      await using place = await makePlace(blockage, 'first line\n');
      const child = place.start(['runner', 'logs', '-f']);
      await place.shows('first line\n');
      await place.output.break();
      await appendFile(place.log, manyLines);
      await hold(child);
      place.output.mend();
      await place.shows(`first line\n${manyLines}`);
      child.kill('SIGTERM');
      assert.deepEqual(await exitOf(child), [130, null]);
    });

    for (const args of [
      ['runner', 'logs'],
      ['runner', 'logs', '-f', '-n', '2000000'],
    ]) {
      test(`${blockage}: plan42 ${args.join(' ')} holds little of a huge log, and ends at a signal`, async () => {
        await using place = await makePlace(blockage, 'first line\n');
        await truncate(place.log, hugeBytes);
        await place.output.break();
        const child = place.start(args);
        await hold(child);
        child.kill('SIGTERM');
        assert.deepEqual(await exitOf(child), [130, null]);
      });
    }

    for (const name of ['plan42', 'plan42-runner', 'plan42-runner-config']) {
      test(`${blockage} at the end: ${name} --help waits for its reader, or ends at a signal`, async () => {
        await using place = await makePlace(blockage, '');
        await place.output.break();
        const [waiting, interrupted] = [place.start(['--help'], name), place.start(['--help'], name)];
        await Promise.all([hold(waiting), hold(interrupted)]);
        interrupted.kill('SIGTERM');
        assert.deepEqual(await exitOf(interrupted), [130, null]);
        place.output.mend();
        assert.deepEqual(await exitOf(waiting), [0, null]);
        await eventually(async () => place.output.text().includes('Usage:'));
      });
    }

    test(`${blockage}: a turn's log is held back by the server, which serves others`, async () => {
      await using server = await startTestServer();
      await using place = await makePlace(blockage, '');
      const { EnvironmentId } = await server.client.createEnvironment(randomUUID(), {
        Name: 'e',
        DockerImage: 'agent',
      });
      const taskId = randomUUID();
      await server.client.createTask(taskId, { Title: 'title', Prompt: 'prompt', EnvironmentId, RepoInfo: {} });
      const messages = Array.from({ length: 100 }, (_, i) => `${i} ${'x'.repeat(5000)}`);
      for (let i = 0; i < 10; i += 1) await server.uploadLogs(taskId, i * 100, messages);
      await place.output.break();
      const child = place.start(['server', 'turn', 'logs', taskId, '-f', '--data', server.dataDir]);
      await hold(child, async () => void (await server.client.getTurn(taskId, 'last')));
      place.output.mend();
      const all = `${messages.join('\n')}\n`.repeat(10);
      await place.shows(all);
      await server.updateTurn(taskId, { Status: 'Completed' });
      assert.deepEqual(await exitOf(child), [0, null]);
    });
  }

  for (const phase of ['start', 'shown'] as const) {
    for (const ending of ['a signal', 'its reader'] as const) {
      test(`the screen of a terminal that is not read from phase "${phase}" waits for ${ending}`, async (t) => {
        if (!(await requiresCommands(t, 'tmux'))) return;
        await using dir = await makeTempDir();
        const command =
          'echo $$ >pid.new; mv pid.new pid; until [ -e start ]; do sleep 0.05; done; exec "$0" -c config.toml';
        await using terminal = await startTerminal({
          command: ['/bin/sh', '-c', command, configScreen],
          cwd: dir.path,
          env: { HOME: dir.path },
        });
        const pidFile = join(dir.path, 'pid');
        const pid = Number(await eventually(() => readFile(pidFile, 'utf8').catch(() => undefined)));
        const start = () => writeFile(join(dir.path, 'start'), '');
        const isShown = () => terminal.shows('Server URL');
        if (phase === 'shown') await start().then(isShown);
        {
          using _blocked = await terminal.stopReading();
          if (phase === 'start') await start();
          await holdBlocked(pid, async () => void process.kill(pid, 'SIGWINCH'));
          if (ending === 'a signal') {
            process.kill(pid, 'SIGTERM');
            assert.deepEqual(await terminal.ended(), { code: 130, signal: null });
          }
        }
        if (ending === 'a signal') return;
        await isShown();
        await terminal.press('Escape');
        assert.deepEqual(await terminal.ended(), { code: 0, signal: null });
      });
    }
  }
});

/** A log to be shown, and an output. */
async function makePlace(blockage: Blockage, content: string) {
  await using resources = new AsyncDisposableStack();
  const output = resources.use(await makeBlockableOutput(blockage));
  const dir = resources.use(await makeTempDir());
  const log = join(dir.path, 'logs/runner.log');
  await mkdir(dirname(log), { mode: 0o700 });
  await writeFile(log, content);
  const all = resources.move();
  return {
    output,
    log,
    start: (args: readonly string[], name = 'plan42') => {
      const env = { PATH: process.env['PATH'], HOME: dir.path, PLAN42_STATE_DIR: dir.path, PAGER: 'cat' };
      const child = spawn(join(bin, name), args, { env, stdio: ['ignore', output.fd, 'pipe'] });
      all.defer(() => void child.kill('SIGKILL'));
      return child;
    },
    shows: async (text: string) => {
      await eventually(async () => output.text().length >= text.length);
      assert.ok(output.text() === text, 'the output is complete and in order');
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Until the command handles signals and for a while, it runs and needs little memory. */
async function hold({ pid = 0 }: ChildProcess, meanwhile = async () => {}): Promise<void> {
  await eventually(() => handlesHangup(pid));
  await holdBlocked(pid, meanwhile);
}

async function holdBlocked(pid: number, meanwhile: () => Promise<void>): Promise<void> {
  const end = performance.now() + blockedMs;
  do {
    await delay(100);
    await meanwhile();
    const mib = await residentMib(pid);
    assert.ok(mib < maxMib, `${mib} MiB`);
  } while (performance.now() < end);
}

async function exitOf(child: ChildProcess): Promise<unknown[]> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return [child.exitCode, child.signalCode];
}

function numberedLines(count: number): string {
  return Array.from({ length: count }, (_, i) => `line ${i}\n`).join('');
}
