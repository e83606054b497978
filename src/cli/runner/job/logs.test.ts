import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeRunnerHome, type RunnerHome } from '../../../../test/support/runner-home.ts';
import type { JobRecord } from '../../../jobs/record.ts';

let home: RunnerHome;
beforeEach(async () => {
  home = await makeRunnerHome();
});
afterEach(() => home[Symbol.asyncDispose]());

describe('plan42 runner job logs', () => {
  const write = (record: JobRecord, text: string) => writeFile(home.store.paths(record.jobId).logFile, text);

  test('prints the log, safe for a terminal, or its last lines', async () => {
    const record = await home.addFinished();
    await write(record, 'one\r\ntwo \u001b[31mred\u001b[0m\n\u001b]0;title\u0007\nümläut\n');
    const all = 'one\ntwo red\n\\x1b]0;title\\x07\nümläut\n';
    assert.deepEqual(await home.runner(['job', 'logs', record.jobId]), { exitCode: 0, stdout: all, stderr: '' });
    assert.equal((await home.runner(['job', 'logs', record.taskId])).stdout, all);
    assert.equal((await home.runner(['job', 'logs', record.taskId.slice(0, 8), '-n', '1'])).stdout, 'ümläut\n');
    assert.equal((await home.runner(['job', 'logs', record.jobId, '-n', '0'])).stdout, '');
    assert.equal((await home.runner(['job', 'logs', record.jobId, '-f', '-n', 'all'])).stdout, all, 'it has ended');
  });

  test('shows what a progress bar leaves', async () => {
    const record = await home.addFinished();
    await write(
      record,
      `${'\r 10 % \r\u001b[32m 20 %\u001b[0m '.repeat(20_000)}\r100 %\r\nlong line\rsh\u001b[K\ndone\rDO`,
    );
    assert.equal((await home.runner(['job', 'logs', record.jobId])).stdout, '100 % \nsh\nDOne');
  });

  test('of several turns shows that of the one which is not finished', async () => {
    const finished = await home.addFinished();
    const current = await home.add({ taskId: finished.taskId, turnIndex: 2 });
    await write(current, 'second turn\n');
    assert.equal((await home.runner(['job', 'logs', finished.taskId])).stdout, 'second turn\n');
  });

  test('follows a job from before its start to its end, whatever pieces come', async () => {
    const record = await home.add({ runtime: 'host' });
    const { folder, logFile } = home.store.paths(record.jobId);
    const steps = ['first\n\u001b[3', '1mred\u001b[0m\r', '\n', 'last\n'];
    const next = async () => {
      const step = steps.shift();
      if (step === undefined) await writeFile(join(folder, 'supervisor.exited.0'), '');
      else await appendFile(logFile, step);
    };
    const following = home.runner(['job', 'logs', record.jobId, '-f'], { onOutput: () => void next() });
    await next();
    assert.deepEqual(await following, { exitCode: 0, stdout: 'first\nred\nlast\n', stderr: '' });
  });

  test('follows a progress bar', async () => {
    const record = await home.add({ runtime: 'host' });
    const { folder, logFile } = home.store.paths(record.jobId);
    await write(record, 'get 1 %');
    const progress = async () => {
      for (const step of ['\rget 2 %', '\rget 3 %\r', '\nnext\n']) {
        await appendFile(logFile, step);
        await delay(20);
      }
      await writeFile(join(folder, 'supervisor.exited.0'), '');
    };
    const [{ stdout }] = await Promise.all([home.runner(['job', 'logs', record.jobId, '-f']), progress()]);
    assert.match(stdout, /^(get 1 %\n)?get 3 %\nnext\n$/);
  });

  test('leaves with 130 when it is interrupted', async () => {
    const record = await home.add();
    await write(record, 'begun\n');
    const controller = new AbortController();
    const onOutput = () => controller.abort();
    const { exitCode, stderr } = await home.runner(['job', 'logs', record.jobId, '-f'], {
      signal: controller.signal,
      onOutput,
    });
    assert.deepEqual([exitCode, stderr], [130, '']);
  });

  test('says why there is no log', async () => {
    const failed = { endCode: 'start-failed', endText: 'cannot start: no such image' };
    const started = { startedAt: '2026-01-01T00:00:00Z' };
    const errorOf = async ({ jobId }: JobRecord, ...more: string[]) => {
      const { exitCode, stdout, stderr } = await home.runner(['job', 'logs', jobId, ...more]);
      assert.deepEqual([exitCode, stdout], [1, '']);
      return stderr.replace(jobId, 'JOB');
    };
    const never = /job JOB never started, so it has no log: cannot start: no such image\. The error/;
    assert.match(await errorOf(await home.addFinished(failed)), never);
    const unreported = await home.add({ phase: 'ended', ...failed });
    assert.match(await errorOf(unreported), never);
    assert.match(await errorOf(unreported, '-f'), never);
    // A cluster creates the pod of an agent that then does not start.
    const emptied = await home.addFinished({ ...failed, ...started });
    await write(emptied, '');
    assert.match(await errorOf(emptied), never);
    assert.match(await errorOf(await home.addFinished({ ...started, endCode: 'exited' })), /It may have been pruned/);
    assert.match(await errorOf(await home.add()), /job JOB has not started yet/);
  });

  test('says why there is no log when the start of a followed job fails', async () => {
    const record = await home.add();
    const following = home.runner(['job', 'logs', record.jobId, '-f']);
    await delay(200);
    const ended = {
      ...record,
      phase: 'ended',
      endCode: 'start-failed',
      endText: 'cannot start: it is broken',
    } as const;
    await home.store.update(ended);
    const { exitCode, stderr } = await following;
    assert.equal(exitCode, 1);
    assert.match(stderr, /never started, so it has no log: cannot start: it is broken/);
  });

  test('says that the output of a job in a cluster is not copied without a runner', async () => {
    const record = await home.add({ runtime: 'kubernetes', phase: 'started' });
    await write(record, 'copied\n');
    const fields = { version: 1, namespace: 'agents', name: 'plan42-x', secrets: 1, maxLogBytes: 1, uid: 'u' };
    const marker = join(home.store.paths(record.jobId).folder, 'kubernetes.json');
    await writeFile(marker, JSON.stringify({ ...fields, startedAtMs: 1 }));
    const { stdout, stderr } = await home.runner(['job', 'logs', record.jobId]);
    assert.equal(stdout, 'copied\n');
    assert.equal(
      stderr,
      'WARNING: the runner is not running, so this is only what it copied before. Start it, or run: kubectl --namespace agents logs --follow --container agent job/plan42-x\n',
    );
  });
});
