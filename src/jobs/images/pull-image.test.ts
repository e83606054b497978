import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createFakeRuntime, type FakeRuntime } from '../../../test/support/fake-runtime.ts';
import { makeRecord } from '../../../test/support/job-record.ts';
import { makeTempDir, type TempDir } from '../../../test/support/temp-dir.ts';
import { parseConfig } from '../../config/parse.ts';
import { createLogger } from '../../lib/logger.ts';
import type { JobRecord } from '../record.ts';
import { JobStore } from '../store.ts';
import { pinName } from './image-pin.ts';
import { pullImage } from './pull-image.ts';

const otherId = '9b2504e0-4f89-41d3-9a0c-0305e82c3301';

let dir: TempDir;
let store: JobStore;
let runtime: FakeRuntime;
let log: string;

beforeEach(async () => {
  dir = await makeTempDir();
  store = await JobStore.open(dir.path, dir.path);
  runtime = createFakeRuntime();
  runtime.onPull = async (image) => put('new', [image]);
  log = '';
});
afterEach(() => dir[Symbol.asyncDispose]());

function put(id: string, names: string[]): void {
  runtime.images.all.set(id, { id, names, sizeBytes: 1 });
}

async function pull(record: JobRecord = makeRecord({ image: 'a:1' }), policy = 'always', signal?: AbortSignal) {
  const { config } = parseConfig({ file: `images.pull_policy = "${policy}"`, env: {}, flags: new Map() });
  const write = (line: string) => {
    log += line;
  };
  const logger = createLogger({ level: 'debug', format: 'text', write });
  await using _notes = await pullImage(
    record,
    { config, store, runtime, logger },
    signal ?? new AbortController().signal,
  );
  return record;
}

const noted = async () =>
  (await store.images.list('docker')).map(({ id, references, pulled }) => ({ id, references, pulled }));
const namesOf = (id: string) => runtime.images.all.get(id)?.names;

describe('the image of a job', () => {
  test('belongs to the runner if the pull added it, and is pinned', async () => {
    const { instanceId } = await pull();
    assert.deepEqual(await noted(), [{ id: 'new', references: ['a:1'], pulled: true }]);
    assert.deepEqual(namesOf('new'), ['a:1', pinName(instanceId, 'new')]);
    assert.deepEqual(await store.images.listPulls(), []);
  });

  test('does not belong to the runner if it existed before under any name', async () => {
    for (const names of [['a:1'], ['other:2'], []]) {
      put('new', names);
      await pull();
      assert.deepEqual(await noted(), [{ id: 'new', references: ['a:1'], pulled: false }]);
      assert.deepEqual(namesOf('new'), ['a:1']);
    }
  });

  test('still belongs to the runner when the next pull finds it', async () => {
    const record = makeRecord({ image: 'a:1' });
    await pull(record);
    runtime.onPull = async () => {};
    await pull(record);
    assert.deepEqual(await noted(), [{ id: 'new', references: ['a:1'], pulled: true }]);
    assert.equal(namesOf('new')?.length, 2);
  });

  test('is pinned if it belongs to another runner', async () => {
    const pin = pinName(otherId, 'new');
    put('new', ['a:1', pin]);
    runtime.onPull = async () => {};
    const { instanceId } = await pull();
    assert.deepEqual(namesOf('new'), ['a:1', pin, pinName(instanceId, 'new')]);
    assert.deepEqual(await noted(), [{ id: 'new', references: ['a:1'], pulled: false }]);
  });

  test('does not belong to the runner if the policy is never to pull', async () => {
    await pull(undefined, 'never');
    assert.deepEqual(await noted(), [{ id: 'new', references: ['a:1'], pulled: false }]);
  });

  test('belongs to the runner if an interrupted pull of the same job added it', async () => {
    const record = makeRecord({ image: 'a:1' });
    await store.images.beginPull({ runtime: 'docker', jobId: record.jobId, reference: 'a:1', present: [] });
    put('new', ['a:1']);
    await pull(record);
    assert.equal((await noted())[0]?.pulled, true);
  });

  test('needs one query if the policy accepts that it is here', async () => {
    put('new', ['a:1']);
    runtime.images.listIds = () => Promise.reject(new Error('not needed'));
    await pull(undefined, 'if-not-present');
    assert.deepEqual(runtime.calls, []);
    assert.deepEqual(await noted(), [{ id: 'new', references: ['a:1'], pulled: false }]);
    assert.doesNotMatch(log, /WARN/);
  });

  test('belongs to the runner if an interrupted pull added it, also if it is not pulled again', async () => {
    const record = makeRecord({ image: 'a:1' });
    await store.images.beginPull({ runtime: 'docker', jobId: record.jobId, reference: 'a:1', present: [] });
    put('new', ['a:1']);
    await pull(record, 'if-not-present');
    assert.equal((await noted())[0]?.pulled, true);
    assert.deepEqual(await store.images.listPulls(), []);
  });

  test('is not recorded if the pull fails', async () => {
    runtime.onPull = () => Promise.reject(new Error('denied'));
    await assert.rejects(pull(), /denied/);
    assert.deepEqual([await noted(), await store.images.listPulls()], [[], []]);
  });

  test('is pulled even if its use cannot be recorded, which is logged', async () => {
    runtime.images.listIds = () => Promise.reject(new Error('storage is locked'));
    await pull();
    assert.deepEqual(runtime.calls, ['pull a:1']);
    assert.match(log, /WARN .*cannot record use of image.*storage is locked/);
    assert.deepEqual(await noted(), []);
  });

  test('is not pulled when the job is no longer needed', async () => {
    await assert.rejects(pull(undefined, 'always', AbortSignal.abort(new Error('killed'))), /killed/);
    assert.deepEqual(runtime.calls, []);
  });
});
