import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';
import { readJobUsage } from '../../../gateway/models/ledger.ts';
import type { Content } from '../../../gateway/pod/channel.ts';
import { type Report, readReport } from '../../../gateway/report.ts';
import { silentLogger as logger } from '../../../lib/logger.ts';
import { readText } from '../../../lib/read-file.ts';
import { type KubeApi, KubeApiError } from '../api/kube-api.ts';
import { followGateway, readReachedInPod } from './follow-gateway.ts';

const message = (run: number, n: number, content: Content) => `${JSON.stringify({ run, n, content })}\n`;
const report = (refused: number): Report => ({
  version: 1,
  mode: 'enforce',
  entries: [],
  others: { allowed: 0, refused },
});
const entry = (model: string) =>
  JSON.stringify({
    ...{ model, inputTokens: 1, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 2, reasoningTokens: 0 },
    ...{ isEstimate: false, provider: 'p', startedAt: '2026-01-01T00:00:00Z', completedAt: '2026-01-01T00:00:01Z' },
  });

/** Returns these logs, one for each request, in blocks of seven bytes. */
function apiWith(...logs: (string | Error)[]): KubeApi {
  return {
    namespace: 'ns',
    server: 's',
    request: () => Promise.reject(new Error('unused')),
    stream: async () => {
      const log = logs.shift() ?? new KubeApiError('gone', { status: 404 });
      if (log instanceof Error) throw log;
      const bytes = Buffer.from(log);
      return (async function* () {
        for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
      })();
    },
  };
}

test('a log that is read again and again, across containers of the pod, gives each line and each call once', async () => {
  await using dir = await makeTempDir();
  const job = { jobId: 'j', folder: join(dir.path, 'job'), logFile: join(dir.path, 'log') };
  await mkdir(job.folder);
  const first = [
    message(1, 1, { kind: 'report', report: report(0) }),
    'plan42: not a message\n',
    message(1, 2, { kind: 'line', text: 'one' }),
    message(1, 3, { kind: 'call', index: 0, entry: entry('a') }),
  ].join('');
  const more = first + message(1, 4, { kind: 'line', text: 'two' });
  // Another container reads the ledger of the one before.
  const second = [
    message(2, 1, { kind: 'call', index: 0, entry: entry('a') }),
    message(2, 2, { kind: 'call', index: 1, entry: entry('b') }),
    message(2, 3, { kind: 'line', text: 'three' }),
    message(2, 4, { kind: 'report', report: report(7) }),
    message(2, 5, { kind: 'end' }),
  ].join('');
  const api = apiWith(first, new Error('reset'), more, more, second);
  const { signal } = new AbortController();
  await followGateway(job, { api, name: 'plan42-x', ending: AbortSignal.abort(), logger, signal });
  assert.equal(await readText(join(job.folder, 'log-lines')), 'one\ntwo\nthree\n');
  assert.deepEqual(
    (await readJobUsage(job.folder)).map(({ model }) => model),
    ['a', 'b'],
  );
  assert.equal((await readReport(join(job.folder, 'egress/egress.json')))?.others.refused, 7);
});

test('a limit that the job has reached is known once, and again after a restart of the runner', async () => {
  await using dir = await makeTempDir();
  const job = { jobId: 'j', folder: join(dir.path, 'job'), logFile: join(dir.path, 'log') };
  await mkdir(job.folder);
  const reached = { limit: 'max_tokens', used: 12, atMs: 5, wrapUpMs: 1000 } as const;
  const first = [
    message(1, 1, { kind: 'notice', limit: 'max_tokens' }),
    message(1, 2, { kind: 'reached', reached }),
    // The gateway repeats it.
    message(1, 3, { kind: 'reached', reached: { ...reached, atMs: 9 } }),
  ].join('');
  const calls: unknown[] = [];
  const follow = (...logs: string[]) =>
    followGateway(job, {
      ...{ api: apiWith(...logs), name: 'plan42-x', ending: AbortSignal.abort(), logger },
      onReached: (each) => calls.push(each),
      signal: new AbortController().signal,
    });
  assert.equal(await readReachedInPod(job), undefined);
  await follow(first + message(1, 4, { kind: 'end' }));
  assert.deepEqual(calls, [reached]);
  assert.deepEqual(await readReachedInPod(job), reached);
  await follow();
  assert.deepEqual(calls[1], reached);
});

test('it ends with the pod', async () => {
  await using dir = await makeTempDir();
  const job = { jobId: 'j', folder: join(dir.path, 'job'), logFile: join(dir.path, 'log') };
  await mkdir(job.folder);
  const { signal } = new AbortController();
  await followGateway(job, { api: apiWith(), name: 'plan42-x', ending: AbortSignal.abort(), logger, signal });
});
