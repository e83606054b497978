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
});
