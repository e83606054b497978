import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { tryLockFolder } from '../lib/lock.ts';
import { silentLogger } from '../lib/logger.ts';
import { ControlError, type ControlFailure, createControlClient } from './client.ts';
import type { ControlCalls, RunnerStatus } from './messages.ts';
import { startControlServer } from './server.ts';

const status: RunnerStatus = {
  ...{ version: '1.0.0', pid: 42, startedAt: '2026-01-02T03:04:05.678Z', configFile: '/c', stateDir: '/s' },
  ...{ url: 'https://example.com/', runtime: 'host', tenantId: 't', runnerId: 'r', instanceId: 'i' },
  ...{ phase: 'ready', troubles: [], utilisation: 0.5, lastError: null },
  queues: [{ queueId: 'q', phase: 'polling', utilisation: null, inFlight: 3 }],
  jobs: { running: 1, starting: 0, waiting: 2, ending: 0, max: 4 },
};
const calls: ControlCalls = {
  status: () => status,
  kill: async (jobId) => (jobId === 'plan42-known-1' ? 'killed' : 'unknown'),
  reload: async () => null,
};

const failing = (failure: ControlFailure, message: RegExp) => (error: unknown) =>
  error instanceof ControlError && error.failure === failure && message.test(error.message);

let dir: TempDir;
beforeEach(async () => {
  dir = await makeTempDir();
});
afterEach(() => dir[Symbol.asyncDispose]());

const serve = (own: Partial<ControlCalls> = {}, stateDir = dir.path) =>
  startControlServer({ stateDir, calls: { ...calls, ...own }, logger: silentLogger });

describe('the control socket', () => {
  test('serves status, kill and reload', async () => {
    await using _server = await serve({ reload: async () => 'the file is wrong' });
    const client = createControlClient(dir.path);
    assert.deepEqual(await client.status(), status);
    assert.equal(await client.kill('plan42-known-1'), 'killed');
    assert.equal(await client.kill('plan42-other-1'), 'unknown');
    assert.equal(await client.reload(), 'the file is wrong');
  });

  test('is accessible to its owner only, with any umask, and removed with the server', async () => {
    const umask = process.umask(0);
    try {
      await using _server = await serve();
      assert.equal((await stat(join(dir.path, 'control.sock'))).mode & 0o777, 0o600);
      assert.equal(process.umask(), 0);
    } finally {
      process.umask(umask);
    }
    assert.deepEqual(await readdir(dir.path), []);
  });

  test('works in folders with paths longer than a socket path, whatever the temporary folder is', async () => {
    const stateDir = join(dir.path, 'ä'.repeat(60), 'x'.repeat(100));
    await mkdir(stateDir, { recursive: true });
    const before = process.env['TMPDIR'];
    try {
      for (const temporary of [before, join(dir.path, 'missing'), stateDir]) {
        if (temporary !== undefined) process.env['TMPDIR'] = temporary;
        await using _server = await serve({}, stateDir);
        assert.deepEqual(await createControlClient(stateDir).status(), status);
        assert.deepEqual(await readdir(stateDir), ['control.sock']);
      }
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
    assert.deepEqual(await readdir(stateDir), []);
  });

  test('that is missing is not taken for a runner that is not running', async () => {
    using _lock = tryLockFolder(dir.path);
    const client = createControlClient(dir.path);
    await assert.rejects(client.status(), failing('silent', /has no control socket/));
    // A kill needs no runner.
    await assert.rejects(client.kill('plan42-known-1'), failing('absent', /not running/));
  });

  test('replaces a stale socket', async () => {
    const path = join(dir.path, 'control.sock');
    const script = `require('node:http').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    assert.deepEqual(await readdir(dir.path), ['control.sock']);
    await assert.rejects(createControlClient(dir.path).status(), failing('absent', /not running/));
    await using _server = await serve();
    assert.deepEqual(await createControlClient(dir.path).status(), status);
  });

  test('reports a missing runner and a missing state folder', async () => {
    await assert.rejects(createControlClient(dir.path).status(), failing('absent', /not running/));
    await assert.rejects(createControlClient(join(dir.path, 'none')).status(), failing('absent', /not running/));
  });

  test('waits for long work while the runner sends keep-alives', async () => {
    const gate = Promise.withResolvers<'killed'>();
    await using _server = await serve({ kill: () => gate.promise });
    const killed = createControlClient(dir.path, 1800).kill('plan42-known-1');
    await delay(2600);
    gate.resolve('killed');
    assert.equal(await killed, 'killed');
  });

  test('times out on a silent runner', async () => {
    await using server = createNetServer((socket) => socket.resume()).listen(join(dir.path, 'control.sock'));
    await once(server, 'listening');
    await assert.rejects(createControlClient(dir.path, 200).status(), failing('silent', /not responded for 0\.2 s/));
  });

  test('rejects responses of another version', async () => {
    for (const [answer, message] of [
      ['{"result": {"version": 7}}', /another version/],
      ['<html>', /incomplete/],
      ['{}', /incomplete/],
    ] as const) {
      await using server = createServer((_, response) => response.end(answer)).listen(join(dir.path, 'control.sock'));
      await once(server, 'listening');
      await assert.rejects(createControlClient(dir.path).status(), failing('silent', message));
    }
  });

  test('reports a failed call, and serves the next', async () => {
    await using _server = await serve({
      kill: async () => {
        throw new Error('the disk is full');
      },
    });
    const client = createControlClient(dir.path);
    await assert.rejects(client.kill('plan42-known-1'), failing('failed', /^the disk is full$/));
    await assert.rejects(client.kill('../x'), failing('failed', /unknown request/));
    assert.deepEqual(await client.status(), status);
  });

  test('stops waiting when aborted, and the work continues', async () => {
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<'killed'>();
    let finished = false;
    const kill = async () => {
      begun.resolve();
      await gate.promise;
      finished = true;
      return 'killed' as const;
    };
    await using _server = await serve({ kill });
    const controller = new AbortController();
    const killed = createControlClient(dir.path).kill('plan42-known-1', controller.signal);
    await begun.promise;
    controller.abort(new Error('enough'));
    await assert.rejects(killed, /enough/);
    gate.resolve('killed');
    await delay(0);
    assert.equal(finished, true);
  });

  test('does not stop the runner if it cannot be created', async () => {
    await writeFile(join(dir.path, 'file'), '');
    await using _server = await serve({}, join(dir.path, 'file'));
  });

  test('closes at once with work in progress', async () => {
    const never = new Promise<'killed'>(() => {});
    const server = await serve({ kill: () => never });
    const killed = createControlClient(dir.path).kill('plan42-known-1');
    const failed = assert.rejects(killed, ControlError);
    await delay(50);
    await server[Symbol.asyncDispose]();
    await failed;
  });
});
