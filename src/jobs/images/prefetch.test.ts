import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { createFakeRuntime, type FakeRuntime } from '../../../test/support/fake-runtime.ts';
import { makeTempDir, type TempDir } from '../../../test/support/temp-dir.ts';
import { parseConfig } from '../../config/parse.ts';
import { createLogger } from '../../lib/logger.ts';
import { RuntimeError } from '../../runtimes/runtime.ts';
import { JobStore } from '../store.ts';
import { prefetchImages, whyNotPrefetched } from './prefetch.ts';

let dir: TempDir;
let store: JobStore;
let runtime: FakeRuntime;
let log: string;

beforeEach(async () => {
  dir = await makeTempDir();
  store = await JobStore.open(dir.path, dir.path);
  runtime = createFakeRuntime();
  runtime.onPull = async (image) => {
    runtime.images.all.set(`id of ${image}`, { id: `id of ${image}`, names: [image], sizeBytes: 1 });
  };
  log = '';
});
afterEach(() => dir[Symbol.asyncDispose]());

async function prefetch(settings: string, low?: string): Promise<string[]> {
  const { config, problems } = parseConfig({ file: `[images]\n${settings}`, env: {}, flags: new Map() });
  assert.deepEqual(problems, []);
  const write = (line: string) => {
    log += line;
  };
  const logger = createLogger({ level: 'debug', format: 'text', write });
  const options = { config, store, runtime, instanceId: 'i', lowDiskReason: async () => low, logger };
  await prefetchImages(options, new AbortController().signal);
  return runtime.calls.splice(0);
}

test('images are pulled ahead by the policy, and counted as those of the runner', async () => {
  const names = 'prefetch = ["a:1", "b:1"]';
  assert.deepEqual(await prefetch(names), ['pull a:1', 'pull b:1']);
  assert.deepEqual(await prefetch(names), ['pull a:1', 'pull b:1']);
  assert.deepEqual(await prefetch(`pull_policy = "if-not-present"\n${names}`), []);
  const noted = await store.images.list('docker');
  assert.deepEqual(
    new Map(noted.map(({ id, pulled }) => [id, pulled])),
    new Map([
      ['id of a:1', true],
      ['id of b:1', true],
    ]),
  );
  assert.deepEqual(await store.images.listPulls(), []);
  assert.match(log, /INFO {2}image prefetched image=a:1 duration_ms=\d+/);
});

test('an image that cannot be pulled, or may not run, does not keep others from being pulled', async () => {
  const { onPull } = runtime;
  runtime.onPull = async (image, signal) => {
    if (image === 'a:1') throw new RuntimeError('cannot pull the image a:1: denied');
    await onPull(image, signal);
  };
  const calls = await prefetch('prefetch = ["a:1", "evil/x", "b:1"]\nallowed = ["a:*", "b:*"]');
  assert.deepEqual(calls, ['pull a:1', 'pull b:1']);
  assert.match(log, /WARN {2}image not prefetched image=a:1 reason="cannot pull the image a:1: denied"/);
  assert.match(log, /WARN {2}image not prefetched image=evil\/x reason=".*images\.allowed/);
});

test('nothing is pulled ahead on a full disk, by the policy "never", or without images', async () => {
  assert.deepEqual(await prefetch('prefetch = ["a:1"]', 'the disk is full'), []);
  assert.match(log, /WARN {2}image not prefetched image=a:1 reason="the disk is full"/);
  assert.deepEqual(await prefetch('prefetch = ["a:1"]\npull_policy = "never"'), []);
  const reason = (name: 'docker' | 'host', text: string) => {
    const { config } = parseConfig({ file: `[images]\n${text}`, env: {}, flags: new Map() });
    return whyNotPrefetched({ config, runtime: { ...runtime, name } });
  };
  assert.equal(reason('docker', 'prefetch = ["a:1"]\npull_policy = "never"'), 'images.pull_policy is "never"');
  assert.equal(reason('host', 'prefetch = ["a:1"]'), 'the runtime host pulls no images');
  assert.equal(reason('host', ''), undefined);
  assert.equal(reason('docker', 'prefetch = ["a:1"]'), undefined);
});

test('a name that is no image is rejected', () => {
  const { problems } = parseConfig({ file: 'images.prefetch = ["a:1", "A B"]', env: {}, flags: new Map() });
  assert.match(
    problems.map(({ message }) => message).join(),
    /images\.prefetch is a list with an invalid image: "A B"/,
  );
});
