import assert from 'node:assert/strict';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFakeRuntime } from '../../test/support/fake-runtime.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { parseConfig } from '../config/parse.ts';
import { garbageRules } from '../jobs/garbage/garbage.ts';
import { JobStore } from '../jobs/store.ts';
import { createLogger } from '../lib/logger.ts';
import { startHousekeeping } from './housekeeping.ts';

const hour = 3_600_000;

test('garbage goes soon after the start and then every hour, and nothing goes after the end', async () => {
  await using dir = await makeTempDir();
  const store = await JobStore.open(dir.path, join(dir.path, 'logs'));
  const addOld = async () => {
    const path = join(store.folders.finished, `${makeRecord().jobId}.json`);
    await writeFile(path, '{}');
    await utimes(path, 0, 0);
  };
  const countLeft = async () => (await readdir(store.folders.finished)).length;
  let log = '';
  const write = (line: string) => {
    log += line;
  };
  const runtime = createFakeRuntime();
  runtime.listUnmanaged = () => Promise.reject(new Error('the daemon is gone'));
  // Each sleep ends when the test says so, and says that it has begun.
  const sleeps: { ms: number; end: () => void }[] = [];
  let begun = Promise.withResolvers<void>();
  const sleep = (ms: number, signal?: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
    sleeps.push({ ms, end: resolve });
    begun.resolve();
    return promise;
  };
  const untilAsleep = async () => {
    await begun.promise;
    begun = Promise.withResolvers<void>();
  };
  const rules = garbageRules(parseConfig({ env: {}, flags: new Map() }).config);
  const logger = createLogger({ level: 'debug', format: 'text', write });
  let waitMs = 0;
  let failure: Error | undefined;
  const house = startHousekeeping({
    ...{ store, runtime, instanceId: 'i', rules, logger, sleep },
    ageDistrustMs: async () => {
      if (failure !== undefined) throw failure;
      return waitMs;
    },
  });

  await addOld();
  await untilAsleep();
  assert.equal(await countLeft(), 1, 'not at once');
  for (let round = 0; round < 2; round += 1) {
    sleeps.at(-1)?.end();
    await untilAsleep();
    assert.equal(await countLeft(), 0);
    await addOld();
  }
  waitMs = hour;
  sleeps.at(-1)?.end();
  await untilAsleep();
  assert.equal(await countLeft(), 1, 'nothing goes for its age after the date has jumped');
  assert.match(log, /WARN {2}date has jumped, not removing files by age duration_ms=3600000/);
  failure = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  sleeps.at(-1)?.end();
  await untilAsleep();
  assert.match(log, /WARN {2}cannot collect garbage, retrying error="EIO: i\/o error"/);
  assert.deepEqual(
    sleeps.map(({ ms }) => ms),
    [5000, hour, hour, hour, hour],
  );
  assert.match(log, /INFO {2}garbage removed removed="1 job: 2 bytes"/);
  assert.match(log, /WARN {2}cannot remove garbage item=containers error="the daemon is gone"/);
  await house[Symbol.asyncDispose]();
  assert.equal(await countLeft(), 1);
});
