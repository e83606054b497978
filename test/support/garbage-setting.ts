/** A runner's state folder and a fake runtime, for tests of what is garbage. Importing it sets them up before each test. */
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'node:test';
import { collectGarbage } from '../../src/jobs/garbage/collect.ts';
import type { GarbageContext, GarbageRules } from '../../src/jobs/garbage/garbage.ts';
import type { JobRecord } from '../../src/jobs/record.ts';
import { JobStore } from '../../src/jobs/store.ts';
import { createFakeRuntime, type FakeRuntime } from './fake-runtime.ts';
import { makeRecord } from './job-record.ts';
import { makeTempDir, type TempDir } from './temp-dir.ts';

export const secrets = { request: '{}', agentToken: 'p42a_secret' };
export const minute = 60_000;
export const day = 86_400_000;
export const instanceId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
export const otherId = '9b2504e0-4f89-41d3-9a0c-0305e82c3301';

let dir: TempDir;
export let store: JobStore;
export let runtime: FakeRuntime;

beforeEach(async () => {
  dir = await makeTempDir();
  store = await JobStore.open(join(dir.path, 'state'), join(dir.path, 'logs'));
  runtime = createFakeRuntime();
});
afterEach(() => dir[Symbol.asyncDispose]());

export const ageFile = (path: string, ageMs: number) => {
  const time = new Date(Date.now() - ageMs);
  return utimes(path, time, time);
};
export const finishedFile = ({ jobId }: JobRecord) => join(store.folders.finished, `${jobId}.json`);
export const logOf = ({ jobId }: JobRecord) => store.paths(jobId).logFile;

export async function makeFinished(ageMs: number, log = 'said\n'): Promise<JobRecord> {
  const record = makeRecord();
  await store.create(record, secrets);
  await store.finish({ ...record, phase: 'ended' });
  await writeFile(logOf(record), log);
  await ageFile(finishedFile(record), ageMs);
  await ageFile(logOf(record), ageMs);
  return record;
}

export async function makeActive(fields: Partial<JobRecord> = {}): Promise<JobRecord> {
  const record = makeRecord(fields);
  await store.create(record, secrets);
  return record;
}

type Options = Partial<GarbageRules> & Pick<GarbageContext, 'others'> & { dryRun?: boolean; now?: () => number };

export async function collect({ dryRun = false, now = Date.now, others, ...rules }: Options = {}) {
  const { removed, kept, failures } = await collectGarbage(
    {
      ...{ store, runtime, instanceId, now, signal: new AbortController().signal },
      ...(others && { others }),
      rules: {
        keepFinishedMs: 30 * day,
        keepImages: 1,
        keepImageBytes: Infinity,
        keepMirrorBytes: 0,
        wantedImages: [],
        graceMs: 5 * minute,
        ...rules,
      },
    },
    { dryRun },
  );
  return { removed: removed.map(({ kind, name }) => `${kind} ${name}`), failures, kept, details: removed };
}
