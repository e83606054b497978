import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createFakeRuntime, type FakeRuntime } from '../../../test/support/fake-runtime.ts';
import { makeRecord } from '../../../test/support/job-record.ts';
import { makeTempDir, type TempDir } from '../../../test/support/temp-dir.ts';
import { pinName } from '../images/image-pin.ts';
import type { JobRecord } from '../record.ts';
import { JobStore } from '../store.ts';
import { collectGarbage } from './collect.ts';
import type { GarbageRules } from './garbage.ts';

const secrets = { request: '{}', agentToken: 'p42a_secret' };
const minute = 60_000;
const day = 86_400_000;
const instanceId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const otherId = '9b2504e0-4f89-41d3-9a0c-0305e82c3301';

let dir: TempDir;
let store: JobStore;
let runtime: FakeRuntime;

beforeEach(async () => {
  dir = await makeTempDir();
  store = await JobStore.open(join(dir.path, 'state'), join(dir.path, 'logs'));
  runtime = createFakeRuntime();
});
afterEach(() => dir[Symbol.asyncDispose]());

const ageFile = (path: string, ageMs: number) => {
  const time = new Date(Date.now() - ageMs);
  return utimes(path, time, time);
};
const finishedFile = ({ jobId }: JobRecord) => join(store.folders.finished, `${jobId}.json`);
const logOf = ({ jobId }: JobRecord) => store.paths(jobId).logFile;

async function makeFinished(ageMs: number, log = 'said\n'): Promise<JobRecord> {
  const record = makeRecord();
  await store.create(record, secrets);
  await store.finish({ ...record, phase: 'ended' });
  await writeFile(logOf(record), log);
  await ageFile(finishedFile(record), ageMs);
  await ageFile(logOf(record), ageMs);
  return record;
}

async function makeActive(fields: Partial<JobRecord> = {}): Promise<JobRecord> {
  const record = makeRecord(fields);
  await store.create(record, secrets);
  return record;
}

type Options = Partial<GarbageRules> & { dryRun?: boolean; now?: () => number };

async function collect({ dryRun = false, now = Date.now, ...rules }: Options = {}) {
  const { removed, failures } = await collectGarbage(
    {
      ...{ store, runtime, instanceId, now, signal: new AbortController().signal },
      rules: {
        keepFinishedMs: 30 * day,
        keepImages: 1,
        keepImageBytes: Infinity,
        keepMirrorBytes: 0,
        graceMs: 5 * minute,
        ...rules,
      },
    },
    { dryRun },
  );
  return { removed: removed.map(({ kind, name }) => `${kind} ${name}`), failures, details: removed };
}

describe('finished jobs', () => {
  test('are removed with their logs when they are old enough', async () => {
    const [old, young] = [await makeFinished(31 * day), await makeFinished(29 * day)];
    const { removed, details } = await collect();
    assert.deepEqual(removed, [`job ${old.jobId}`]);
    assert.match(details[0]?.reason ?? '', /^finished 31 days ago$/);
    assert.ok((details[0]?.bytes ?? 0) > 'said\n'.length);
    assert.deepEqual(await readdir(store.folders.finished), [`${young.jobId}.json`]);
    assert.deepEqual(await readdir(store.folders.logs), [`${young.jobId}.log`]);
  });

  test('of a time when the date was ahead are kept as long as others', async () => {
    const record = await makeFinished(-400 * day);
    await collect();
    const aged = { now: () => Date.now() + 31 * day };
    assert.deepEqual((await collect({ ...aged, dryRun: true })).removed, [`job ${record.jobId}`]);
  });

  test('stay in a dry run, which lists the same', async () => {
    const old = await makeFinished(31 * day);
    assert.deepEqual((await collect({ dryRun: true })).removed, [`job ${old.jobId}`]);
    assert.deepEqual(await readdir(store.folders.logs), [`${old.jobId}.log`]);
    assert.deepEqual((await collect()).removed, [`job ${old.jobId}`]);
  });

  test('stay with their log while the same job runs again', async () => {
    const record = await makeFinished(31 * day, 'of the first time\n');
    await store.create(record, secrets);
    assert.deepEqual((await collect({ keepFinishedMs: 0, graceMs: 0 })).removed, []);
    assert.equal(await readFile(logOf(record), 'utf8'), 'of the first time\n');
    assert.deepEqual(await readdir(store.folders.logs), [`${record.jobId}.log`]);
    assert.deepEqual(await readdir(store.folders.finished), [`${record.jobId}.json`]);
  });
});

describe('a log in segments', () => {
  const segments = ['000000000000000', '000000000000004'];

  /** Adds older segments to the log of a job. */
  async function addOlder(record: JobRecord, ageMs: number): Promise<string> {
    const older = `${logOf(record)}.older`;
    await mkdir(older);
    for (const name of segments) {
      await writeFile(join(older, name), 'old\n');
      await ageFile(join(older, name), ageMs);
    }
    await ageFile(older, ageMs);
    return older;
  }

  const entry = (path: string) => path.slice(store.folders.logs.length + 1);

  test('is removed with its finished job, and its size counts all segments', async () => {
    const [old, young] = [await makeFinished(31 * day), await makeFinished(29 * day)];
    await addOlder(old, 31 * day);
    const kept = await addOlder(young, 29 * day);
    const plain = await makeFinished(31 * day);
    const { removed, details } = await collect();
    assert.deepEqual(removed.toSorted(), [`job ${old.jobId}`, `job ${plain.jobId}`].toSorted());
    const bytesOf = ({ jobId }: JobRecord) => details.find(({ name }) => name === jobId)?.bytes ?? 0;
    assert.equal(bytesOf(old) - bytesOf(plain), 8);
    assert.deepEqual((await readdir(store.folders.logs)).toSorted(), [entry(logOf(young)), entry(kept)]);
    assert.deepEqual((await readdir(kept)).toSorted(), segments);
  });

  test('stays complete if its job is active', async () => {
    const record = await makeActive();
    await writeFile(logOf(record), 'new\n');
    const older = await addOlder(record, 400 * day);
    await ageFile(logOf(record), 400 * day);
    assert.deepEqual((await collect()).removed, []);
    assert.deepEqual((await readdir(older)).toSorted(), segments);
  });

  // The states on disk after each step of a removal that is killed.
  const aside = (log: string) => rename(log, `${log}.1.removed`);
  const interruptions: [name: string, steps: (log: string) => Promise<void>][] = [
    ['renaming the newest segment', aside],
    ['removing the newest segment', (log) => rm(log)],
    [
      'removing one older segment',
      async (log) => {
        await rm(log);
        await rm(join(`${log}.older`, segments[0] ?? ''));
      },
    ],
    [
      'removing all segments',
      async (log) => {
        await rm(log);
        for (const name of segments) await rm(join(`${log}.older`, name));
      },
    ],
  ];
  for (const [name, steps] of interruptions) {
    for (const isFinished of [true, false]) {
      test(`of a${isFinished ? ' finished' : 'n unknown'} job is removed after a crash on ${name}`, async () => {
        const record = await makeFinished(31 * day);
        const older = await addOlder(record, 31 * day);
        if (!isFinished) await rm(finishedFile(record));
        await steps(logOf(record));
        await ageFile(older, 31 * day);
        assert.deepEqual((await collect()).failures, []);
        await collect();
        assert.deepEqual(await readdir(store.folders.logs), []);
        assert.deepEqual(await readdir(store.folders.finished), []);
      });
    }
  }
});

describe('orphaned files', () => {
  test('include logs of unknown jobs, with all parts, when they are old enough', async () => {
    const { jobId } = makeRecord();
    for (const name of [`${jobId}.log`, `${jobId}.log.1.removed`]) {
      await writeFile(join(store.folders.logs, name), 'x');
      await ageFile(join(store.folders.logs, name), 31 * day);
    }
    assert.deepEqual((await collect()).removed.toSorted(), [`log ${jobId}.log`, `log ${jobId}.log.1.removed`]);
    assert.deepEqual(await readdir(store.folders.logs), []);
  });

  test('do not include logs that are young, of an active job, or of no job', async () => {
    const active = await makeActive();
    const names = [`${makeRecord().jobId}.log`, `${active.jobId}.log`, 'plan42-runner.log', 'plan42-x-1.log'];
    for (const [i, name] of names.entries()) {
      await writeFile(join(store.folders.logs, name), 'x');
      await ageFile(join(store.folders.logs, name), i === 0 ? day : 400 * day);
    }
    assert.deepEqual((await collect()).removed, []);
    assert.deepEqual((await readdir(store.folders.logs)).toSorted(), names.toSorted());
  });

  test('include half-created jobs with their secrets after the grace period', async () => {
    const { jobId } = makeRecord();
    const [old, young] = [`${jobId}.1.draft`, `${jobId}.2.draft`] as const;
    for (const name of [old, young]) {
      await mkdir(join(store.folders.active, name));
      await writeFile(join(store.folders.active, name, 'agent-token'), 'secret');
    }
    await ageFile(join(store.folders.active, old), 6 * minute);
    await writeFile(join(store.folders.finished, `${jobId}.json.0123456789ab.tmp`), '{');
    await ageFile(join(store.folders.finished, `${jobId}.json.0123456789ab.tmp`), 6 * minute);
    assert.deepEqual((await collect()).removed, [`file ${old}`, `file ${jobId}.json.0123456789ab.tmp`]);
    assert.deepEqual(await readdir(store.folders.active), [young]);
  });

  test('include the folder of a killed doctor', async () => {
    for (const name of ['.plan42-doctor-abc', '.plan42-doctor-young', '.other']) {
      await mkdir(join(store.folders.state, name));
      await ageFile(join(store.folders.state, name), name.endsWith('young') ? 4 * minute : 6 * minute);
    }
    assert.deepEqual((await collect({ graceMs: 0 })).removed, ['file .plan42-doctor-abc']);
  });
});

describe('containers', () => {
  const container = (id: string, { jobId }: JobRecord, ageMs = day) => ({
    id,
    jobId,
    createdAt: new Date(Date.now() - ageMs),
    sizeBytes: 5,
  });

  test('are removed if their job is not active', async () => {
    const [over, active] = [makeRecord(), await makeActive()];
    runtime.left.push(container('a', over), container('b', active), container('c', makeRecord(), minute));
    runtime.left.push({ ...container('d', over), jobId: 'made-by-hand' });
    assert.deepEqual((await collect()).removed, [`container ${over.jobId}`]);
    assert.deepEqual(
      runtime.left.map(({ id }) => id),
      ['b', 'c', 'd'],
    );
  });

  test('of a killed doctor, or that copy files for a job, are removed too', async () => {
    const [over, active] = [makeRecord(), await makeActive()];
    const doctor = 'plan42-doctor-3f2504e0-4f89-41d3-9a0c-0305e82c3302';
    runtime.left.push(
      { ...container('a', over), jobId: doctor },
      { ...container('b', over, 4 * minute), jobId: `${doctor}-of-now` },
      { ...container('c', over), jobId: `${over.jobId}-ca` },
      { ...container('d', active), jobId: `${active.jobId}-ca` },
    );
    assert.deepEqual((await collect({ graceMs: 0 })).removed, [`container ${doctor}`, `container ${over.jobId}-ca`]);
  });

  test('of a time when the date was ahead are removed too', async () => {
    const record = makeRecord();
    runtime.left.push(container('a', record, -400 * day));
    assert.deepEqual((await collect()).removed, [`container ${record.jobId}`]);
  });

  test('stay if their job is accepted at this moment', async () => {
    const record = makeRecord();
    runtime.left.push(container('a', record));
    const { listUnmanaged } = runtime;
    runtime.listUnmanaged = async (...args) => {
      const left = await listUnmanaged(...args);
      await store.create(record, secrets);
      return left;
    };
    assert.deepEqual((await collect()).removed, []);
    assert.equal(runtime.left.length, 1);
  });

  test('that cannot be removed are reported, and do not stop the rest', async () => {
    const [record, old] = [makeRecord(), await makeFinished(31 * day)];
    runtime.left.push(container('a', record));
    runtime.removeUnmanaged = () => Promise.reject(new Error('device busy'));
    const { removed, failures } = await collect();
    assert.deepEqual(removed, [`job ${old.jobId}`]);
    assert.deepEqual(failures, [{ what: `container ${record.jobId}`, error: new Error('device busy') }]);
  });

  test('that cannot be listed do not stop the rest either', async () => {
    const old = await makeFinished(31 * day);
    runtime.listUnmanaged = () => Promise.reject(new Error('no daemon'));
    const { removed, failures } = await collect();
    assert.deepEqual(removed, [`job ${old.jobId}`]);
    assert.deepEqual(
      failures.map(({ what }) => what),
      ['containers'],
    );
  });
});

test('without a runtime, only files are collected', async () => {
  const old = await makeFinished(31 * day);
  await store.images.noteUse('docker', 'a', 'a:1', true);
  const rules = { keepFinishedMs: day, keepImages: 0, keepImageBytes: 0, keepMirrorBytes: 0, graceMs: 0 };
  const signal = new AbortController().signal;
  const { removed, failures } = await collectGarbage({
    ...{ store, runtime: undefined, instanceId, now: Date.now, signal, rules },
  });
  assert.deepEqual([removed.map(({ name }) => name), failures], [[old.jobId], []]);
  assert.equal((await store.images.list('docker')).length, 1);
});

describe('images', () => {
  /** An image that a job of this runner used so long ago. */
  async function used(reference: string, ageMs: number, { pulled = true, held = true, sizeBytes = 10 } = {}) {
    const id = `id-of-${reference}`;
    const names = [reference, ...(held ? [pinName(instanceId, id)] : [])];
    runtime.images.all.set(id, { id, names, sizeBytes });
    await store.images.noteUse('docker', id, reference, pulled);
    await ageFile(join(store.images.folder, `docker.${id.replaceAll(/[^\w.-]/g, '_')}.json`), ageMs);
    return id;
  }
  const there = () => [...runtime.images.all.keys()];
  const addName = (id: string, name: string) => runtime.images.addName(id, name);

  test('beyond the limit are removed, least recently used first', async () => {
    for (const [name, age] of [
      ['c:1', 3 * day],
      ['a:1', day],
      ['b:1', 2 * day],
    ] as const) {
      await used(name, age);
    }
    assert.deepEqual((await collect({ keepImages: 2, dryRun: true })).removed, ['image c:1']);
    assert.deepEqual((await collect({ keepImages: 2 })).removed, ['image c:1']);
    assert.deepEqual(there().toSorted(), ['id-of-a:1', 'id-of-b:1']);
    assert.deepEqual((await collect({ keepImages: 0 })).removed, ['image a:1', 'image b:1']);
    assert.deepEqual(await store.images.list('docker'), []);
  });

  test('beyond the total size are removed as well', async () => {
    await used('a:1', day, { sizeBytes: 50 });
    await used('b:1', 2 * day, { sizeBytes: 60 });
    await used('c:1', 3 * day, { sizeBytes: 1 });
    assert.deepEqual((await collect({ keepImages: 9, keepImageBytes: 100 })).removed, ['image b:1', 'image c:1']);
  });

  test('that existed before stay, whatever the limit', async () => {
    const id = await used('a:1', 100 * day, { pulled: false, held: false });
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(there(), [id]);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1']);
  });

  test('that a newer one replaced are removed at once, and no others', async () => {
    const old = await used('a:latest', 6 * minute);
    runtime.images.all.set(old, { id: old, names: [pinName(instanceId, old)], sizeBytes: 1 });
    runtime.images.all.set('new', { id: 'new', names: ['a:latest'], sizeBytes: 1 });
    await store.images.noteUse('docker', 'new', 'a:latest', true);
    const { removed, details } = await collect();
    assert.deepEqual(removed, ['image a:latest (id-of-a:late)']);
    assert.equal(details[0]?.reason, 'replaced by a newer image');
    assert.deepEqual(there(), ['new']);
  });

  test('stay while they are young, in use, or an active job’s', async () => {
    await used('young:1', minute);
    runtime.images.inUse.add(await used('busy:1', day));
    await used('wanted:1', day);
    await makeActive({ image: 'wanted:1' });
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.equal(there().length, 3);
  });

  test('stay if a job requests them at this moment', async () => {
    const id = await used('a:1', day);
    const { isInUse } = runtime.images;
    runtime.images.isInUse = async (...args) => {
      await makeActive({ image: 'a:1' });
      return isInUse(...args);
    };
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1', pinName(instanceId, id)]);
  });

  test('that another runner pinned keep their name until it unpins them', async () => {
    const id = await used('a:1', day);
    await addName(id, pinName(otherId, id));
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1', pinName(otherId, id)], 'no longer held by this one');
    await runtime.images.remove(pinName(otherId, id));
    assert.deepEqual((await collect({ keepImages: 0 })).removed, ['image a:1']);
  });

  test('of another runner are only unpinned', async () => {
    const id = await used('a:1', day, { pulled: false });
    await addName(id, pinName(otherId, id));
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1', pinName(otherId, id)]);
    assert.deepEqual(await store.images.list('docker'), []);
  });

  test('that a user named belong to the user', async () => {
    const id = await used('a:1', day);
    await addName(id, 'mine:1');
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1', 'mine:1']);
    await runtime.images.remove('mine:1');
    assert.deepEqual((await collect({ keepImages: 0 })).removed, [], 'for good');
  });

  test('of another runtime are left alone', async () => {
    await store.images.noteUse('podman', 'p', 'a:1', true);
    runtime.images.all.set('p', { id: 'p', names: ['a:1'], sizeBytes: 1 });
    assert.deepEqual((await collect({ keepImages: 0, graceMs: 0 })).removed, []);
  });

  test('that a pull added before a crash are known', async () => {
    const record = makeRecord({ image: 'a:1' });
    await store.images.beginPull({ runtime: 'docker', jobId: record.jobId, reference: 'a:1', present: ['other'] });
    runtime.images.all.set('id', { id: 'id', names: ['a:1'], sizeBytes: 1 });
    await collect();
    assert.deepEqual(await store.images.listPulls(), []);
    assert.deepEqual(runtime.images.all.get('id')?.names, ['a:1', pinName(instanceId, 'id')]);
    assert.deepEqual((await collect({ keepImages: 0, graceMs: 0 })).removed, ['image a:1']);
  });

  test('change nothing in a dry run', async () => {
    await store.images.beginPull({ runtime: 'docker', jobId: makeRecord().jobId, reference: 'a:1', present: [] });
    runtime.images.all.set('id', { id: 'id', names: ['a:1'], sizeBytes: 1 });
    const gone = await used('gone:1', day);
    runtime.images.all.delete(gone);
    const before = await readdir(store.images.folder);
    await collect({ dryRun: true, keepImages: 0, graceMs: 0 });
    assert.deepEqual(await readdir(store.images.folder), before);
    assert.deepEqual(runtime.images.all.get('id')?.names, ['a:1']);
  });

  test('whose usage file is unreadable stay', async () => {
    await used('a:1', day);
    for (const name of await readdir(store.images.folder)) await writeFile(join(store.images.folder, name), '{');
    assert.deepEqual(await collect({ keepImages: 0, graceMs: 0 }), { removed: [], failures: [], details: [] });
    assert.equal(there().length, 1);
  });
});

test('files kept from a damaged job are removed when they are old enough', async () => {
  const { damaged } = store.folders;
  const [old, young] = [join(damaged, 'old'), join(damaged, 'young')];
  for (const folder of [old, young]) await mkdir(folder);
  await writeFile(join(old, 'job.json.damaged'), 'nonsense');
  await ageFile(old, 31 * day);
  await collect({ keepFinishedMs: 30 * day });
  assert.deepEqual(await readdir(damaged), ['young']);
});
