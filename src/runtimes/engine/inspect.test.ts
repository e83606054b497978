import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fakeRun, inspected, neverStarted } from '../../../test/support/fake-engine.ts';
import { createLogger, silentLogger } from '../../lib/logger.ts';
import { RuntimeError } from '../runtime.ts';
import { inspectContainer, inspectWithRetries, isUnchanged } from './inspect.ts';

// Linux has no process with this ID.
const unusedPid = 2 ** 22 + 1;

const inspect = (json: string) =>
  inspectContainer(
    fakeRun(() => json),
    'job-1',
  );

describe('a container', () => {
  test('that has exited', async () => {
    const container = await inspect(inspected({ ExitCode: 137, OOMKilled: true }, 'local'));
    assert.deepEqual(container, {
      isRunning: false,
      wasStarted: true,
      exitCode: 137,
      outOfMemory: true,
      error: '',
      endedAtMs: Date.parse('2026-01-02T03:04:10Z'),
      logDriver: 'local',
      pid: 0,
      monitor: { name: 'job-1', pid: 0 },
      isUnwatched: false,
    });
  });

  test('that is running or paused', async () => {
    for (const state of [{ Running: true }, { Running: false, Paused: true }]) {
      assert.equal((await inspect(inspected(state)))?.isRunning, true);
    }
    assert.equal((await inspect(inspected({ Running: true })))?.endedAtMs, 0);
  });

  test('that never started', async () => {
    const container = await inspect(inspected({ ...neverStarted, ExitCode: 127, Error: 'no such file' }));
    assert.deepEqual([container?.wasStarted, container?.endedAtMs], [false, 0]);
    assert.equal(container?.error, 'no such file');
  });

  test('is missing only if the engine lists none of its name', async () => {
    const refused = { exitCode: 125, stderr: 'Error: cannot find it in a new wording' };
    const respond = (list: string | undefined) => fakeRun((args) => (args.startsWith('ps ') ? list : refused));
    const run = respond('\n');
    assert.equal(await inspectContainer(run, 'job-1'), undefined);
    assert.equal(run.calls[1], 'ps --all --quiet --filter name=^job-1$');
    const failed = new RuntimeError('cannot inspect container job-1: cannot find it in a new wording');
    await assert.rejects(inspectContainer(respond('abc\n'), 'job-1'), failed);
    await assert.rejects(inspectContainer(respond(undefined), 'job-1'), failed);
  });
});

describe('a container whose monitor was killed', { skip: process.platform !== 'linux' }, () => {
  /** The engine's responses to the first and the second look. */
  const look = (...looks: string[]) => {
    const run = fakeRun((args) => (args.startsWith('info ') ? 'false\n' : looks.shift()));
    return inspectContainer(run, 'job-1');
  };
  const orphan = (pid: number) => inspected({ Running: true, ConmonPid: unusedPid, Pid: pid });

  test('is running as long as its first process', async () => {
    const running = await look(orphan(process.pid), orphan(process.pid));
    assert.deepEqual([running?.isRunning, running?.isUnwatched], [true, true]);
    assert.ok(running && (await isUnchanged(running)));
    const exited = await look(orphan(unusedPid), orphan(unusedPid));
    assert.deepEqual([exited?.isRunning, exited?.isUnwatched], [false, true]);
    assert.ok(exited && !(await isUnchanged(exited)));
  });

  test('is not one whose exit was recorded in the meantime', async () => {
    const container = await look(orphan(process.pid), inspected({ ExitCode: 4 }));
    assert.deepEqual([container?.isRunning, container?.isUnwatched, container?.exitCode], [false, false, 4]);
  });

  test('is not one that has got another monitor in the meantime', async () => {
    const restarted = inspected({ Running: true, ConmonPid: unusedPid + 1, Pid: process.pid });
    assert.equal((await look(orphan(process.pid), restarted))?.isUnwatched, false);
  });
});

describe('an engine that does not respond', () => {
  const inspectAgain = (run: Parameters<typeof inspectWithRetries>[0], signal?: AbortSignal, logger = silentLogger) =>
    inspectWithRetries(run, { jobId: 'job-1', logger, signal });

  test('is queried again, and the failure is logged once', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', format: 'text', write: (line) => lines.push(line) });
    let attempts = 0;
    const run = fakeRun((args) => {
      if (args.startsWith('ps ')) {
        // When the delay before the next attempt has begun.
        setImmediate(() => t.mock.timers.tick(60_000));
        return undefined;
      }
      attempts += 1;
      return attempts < 4 ? undefined : inspected({ ExitCode: 3 });
    });
    assert.equal((await inspectAgain(run, undefined, logger))?.exitCode, 3);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /WARN +cannot inspect container, retrying job_id=job-1 error=.*engine is down/);
  });

  test('is queried until the wait is aborted', async () => {
    const stopped = new Error('stopped');
    const controller = new AbortController();
    const run = fakeRun(() => void controller.abort(stopped));
    await assert.rejects(inspectAgain(run, controller.signal), stopped);
  });

  test('counts as a missing container if it was uninstalled', async () => {
    const uninstalled = () => Promise.reject(Object.assign(new Error('spawn podman ENOENT'), { code: 'ENOENT' }));
    assert.equal(await inspectAgain(uninstalled), undefined);
  });
});
