import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeRecord } from '../../test/support/job-record.ts';
import { keepUsage, type LedgerEntry, usageFile } from '../gateway/models/ledger.ts';
import { gatewayFolder } from '../gateway/policy.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Plan42Client } from '../plan42/client.ts';
import { ApiError } from '../plan42/errors.ts';
import { UsageReports } from './usage-reports.ts';

const entry = (inputTokens: number): LedgerEntry => ({
  model: 'm',
  inputTokens,
  cachedInputTokens: 2,
  cacheWriteTokens: 3,
  outputTokens: 4,
  reasoningTokens: 1,
  isEstimate: false,
  provider: 'OpenAI',
  startedAt: '2026-01-01T00:00:00.000Z',
  completedAt: '2026-01-01T00:00:01.000Z',
  cost: 0.5,
});

const apiError = (status: number) => new ApiError({ method: 'PUT', path: '/' }, { status, isFromApi: true });
const never = new AbortController().signal;

async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-usage-'));
  await mkdir(join(folder, gatewayFolder));
  const written: [iteration: number, promptTokens: number][] = [];
  /** Errors of the next calls; undefined for one that succeeds. */
  const failures: (Error | undefined)[] = [];
  const client: Pick<Plan42Client, 'writeUsage'> = {
    writeUsage: async (_turn, iteration, usage) => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      written.push([iteration, usage.PromptTokens]);
    },
  };
  const record = makeRecord({ reportsUsage: true });
  const create = () =>
    new UsageReports({
      client,
      runner: { tenantId: record.tenantId },
      features: new Set(['ProviderUsage']),
      store: { paths: (jobId) => ({ jobId, folder, logFile: '' }) },
      logger: silentLogger,
    });
  return {
    ...{ folder, written, failures, record, create },
    add: (...entries: LedgerEntry[]) =>
      appendFile(join(folder, gatewayFolder, usageFile), entries.map((each) => `${JSON.stringify(each)}\n`).join('')),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test('each call is written once, over restarts of the runner and errors of the server', async () => {
  await using setting = await setUp();
  const { written, failures, record, create, add, folder } = setting;
  await add(entry(1), entry(10), entry(20));
  const stop = new AbortController();
  assert.equal(create().isSupported, true);
  // The runner is killed when the first call was written, and the server is busy.
  failures.push(undefined, apiError(503), apiError(503));
  const killed = create().finish(record, stop.signal);
  while (failures.length > 1) await new Promise(setImmediate);
  stop.abort(new Error('killed'));
  await assert.rejects(killed, /killed/);
  assert.deepEqual(written, [[0, 6]]);
  failures.length = 0;
  const total = await create().finish(record, never);
  assert.deepEqual([total?.calls, total?.inputTokens, total?.outputTokens, total?.cost], [3, 31, 12, 1.5]);
  const all: typeof written = [
    [0, 6],
    [1, 15],
    [2, 25],
  ];
  assert.deepEqual(written, all);
  // After a crash between the last report and the archive of the record.
  await keepUsage(folder);
  assert.equal((await create().finish(record, never))?.calls, 3);
  assert.deepEqual(written, all);
});

test('a running job is reported on as it makes calls', async () => {
  await using setting = await setUp();
  const { written, record, create, add } = setting;
  const stop = new AbortController();
  const reports = create();
  reports.watch(record);
  const running = reports.run(stop.signal);
  await add(entry(1));
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = setInterval(() => written.length === 1 && resolve(), 20);
  await promise;
  clearInterval(check);
  stop.abort();
  await running;
  assert.deepEqual(written, [[0, 6]]);
});

test('a server that does not take a call is not asked again, and a job without such a server never is', async () => {
  await using setting = await setUp();
  const { written, failures, record, create, add } = setting;
  await add(entry(1), entry(2));
  failures.push(apiError(404));
  assert.equal((await create().finish(record, never))?.calls, 2);
  assert.deepEqual([written.length, failures.length], [0, 0]);
  assert.equal((await create().finish({ ...record, reportsUsage: false }, never))?.calls, 2);
  assert.equal(written.length, 0);
});
