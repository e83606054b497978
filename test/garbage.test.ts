/** Garbage collection of two runners that share an engine, checked with the engine's own command. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { parseConfig } from '../src/config/parse.ts';
import { collectGarbage } from '../src/jobs/garbage/collect.ts';
import { pinName } from '../src/jobs/images/image-pin.ts';
import { pullImage } from '../src/jobs/images/pull-image.ts';
import type { JobRecord } from '../src/jobs/record.ts';
import { JobStore } from '../src/jobs/store.ts';
import { silentLogger } from '../src/lib/logger.ts';
import { authorityVolume } from '../src/runtimes/engine/authorities.ts';
import type { Runtime } from '../src/runtimes/runtime.ts';
import { selectRuntime } from '../src/runtimes/select.ts';
import { pushImage } from './support/engines/push-image.ts';
import { requires } from './support/engines-client.ts';
import { makeRecord } from './support/job-record.ts';

const run = promisify(execFile);

/** One of the runners: its jobs, its usage files, its runtime. */
interface Runner {
  instanceId: string;
  store: JobStore;
  runtime: Runtime;
  /** Pulls an image as a job does. */
  use(image: string): Promise<void>;
  /** Removes its garbage; returns the names of the removed items. */
  collect(keepImages?: number, dryRun?: boolean): Promise<string[]>;
}

interface Setting {
  a: Runner;
  b: Runner;
  /** The engine's own command, as a user would run it. */
  engine(...args: string[]): Promise<string>;
  /** Puts an image of this content into the registry; returns its name. */
  push(name: string, content: string): Promise<string>;
  /** The names of the images of this test that the engine has, and the number of pins on them. */
  left(): Promise<{ names: string[]; pins: number }>;
}

for (const name of ['podman', 'docker'] as const) {
  suite(name, { concurrency: false }, () => {
    const scenario = (title: string, act: (setting: Setting) => Promise<void>) => {
      void test(title, async (t) => {
        const setting = await setUp(t, name);
        if (setting) await act(setting);
      });
    };

    scenario('an image that was pulled for a job is removed with all its names', async ({ a, push, left }) => {
      const image = await push('app:1', 'one');
      await a.use(image);
      assert.deepEqual(await left(), { names: [image], pins: 1 });
      assert.deepEqual(await a.collect(1), []);
      assert.deepEqual(await a.collect(0, true), [image]);
      assert.deepEqual(await left(), { names: [image], pins: 1 });
      assert.deepEqual(await a.collect(0), [image]);
      assert.deepEqual(await left(), { names: [], pins: 0 });
      assert.deepEqual(await a.store.images.list(name), []);
    });

    scenario('an image that existed before stays, under any name', async ({ a, push, left, engine }) => {
      const [first, second] = [await push('app:1', 'one'), await push('app:2', 'two')];
      await engine('pull', '--quiet', first);
      await engine('pull', '--quiet', second);
      const other = second.replace(/app:2$/, 'renamed:1');
      await engine('tag', second, other);
      await engine('rmi', second);
      await a.use(first);
      await a.use(second);
      assert.deepEqual(await a.collect(0), []);
      assert.deepEqual(await left(), { names: [first, second, other].toSorted(), pins: 0 });
    });

    scenario('of a name that moves on, the old image goes and the new one stays', async ({ a, push, engine, left }) => {
      const image = await push('app:latest', 'old');
      await a.use(image);
      const old = (await a.runtime.images?.find(image))?.id ?? '';
      await push('app:latest', 'new');
      await a.use(image);
      assert.equal((await left()).pins, 2);
      const [replaced = ''] = await a.collect(1);
      assert.match(replaced, /app:latest \([0-9a-f]{12}\)$/);
      assert.deepEqual(await left(), { names: [image], pins: 1 });
      await assert.rejects(engine('image', 'inspect', old), /no such image|not known/i);
    });

    scenario('an old image that was there before a name moved on stays', async ({ a, push, engine }) => {
      const image = await push('app:latest', 'old');
      await engine('pull', '--quiet', image);
      const id = (await engine('image', 'inspect', '--format', '{{.Id}}', image)).trim();
      await a.use(image);
      await push('app:latest', 'new');
      await a.use(image);
      assert.deepEqual(await a.collect(0), [image]);
      assert.equal((await engine('image', 'inspect', '--format', '{{.Id}}', id)).trim(), id);
      await engine('rmi', id);
    });

    scenario('an image that the other runner uses stays until it lets go', async ({ a, b, push, left }) => {
      const image = await push('app:1', 'one');
      await a.use(image);
      await b.use(image);
      assert.deepEqual(await left(), { names: [image], pins: 2 });
      assert.deepEqual(await a.collect(0), []);
      assert.deepEqual(await left(), { names: [image], pins: 1 });
      assert.deepEqual(await b.collect(0), [], 'it did not pull it');
      assert.deepEqual(await left(), { names: [image], pins: 0 });
      assert.deepEqual(await a.collect(0), [image]);
      assert.deepEqual(await left(), { names: [], pins: 0 });
    });

    scenario('an image that both have pulled goes with the second', async ({ a, b, push, left }) => {
      const image = await push('app:1', 'one');
      const present = await a.runtime.images?.listIds();
      await a.use(image);
      // As if it had begun at the same time.
      const pull = { runtime: name, jobId: makeRecord().jobId, reference: image, present: present ?? [] };
      await b.store.images.beginPull(pull);
      assert.deepEqual(await b.collect(1), []);
      assert.deepEqual(await left(), { names: [image], pins: 2 });
      assert.deepEqual(await a.collect(0), []);
      assert.deepEqual(await b.collect(0), [image]);
      assert.deepEqual(await left(), { names: [], pins: 0 });
      assert.deepEqual(await a.collect(0), []);
    });

    scenario('an image of which there is a container stays as long as that', async ({ a, push, engine, left }) => {
      const image = await push('app:1', 'one');
      await a.use(image);
      const id = (await engine('create', image, 'true')).trim();
      assert.deepEqual(await a.collect(0), []);
      assert.deepEqual(await left(), { names: [image], pins: 1 });
      const { images } = a.runtime;
      assert.ok(images);
      await images.remove(pinName(a.instanceId, (await images.find(image))?.id ?? ''));
      await assert.rejects(images.remove(image), /container/, 'the engine itself refuses');
      await engine('rm', id);
      await a.use(image);
      assert.deepEqual(await a.collect(0), [image]);
    });

    scenario('an image to which a person gave a name stays', async ({ a, push, engine, left }) => {
      const image = await push('app:1', 'one');
      await a.use(image);
      const own = image.replace('app', 'mine');
      await engine('tag', image, own);
      assert.deepEqual(await a.collect(0), []);
      assert.deepEqual(await left(), { names: [image, own], pins: 0 });
    });

    scenario('an image that was asked for by its digest goes as well', async ({ a, push, engine, left }) => {
      const image = await push('app:1', 'one');
      await engine('pull', '--quiet', image);
      const [digest = ''] = JSON.parse(await engine('image', 'inspect', '--format', '{{json .RepoDigests}}', image));
      await engine('rmi', image);
      await a.use(digest);
      assert.deepEqual(await a.collect(0), [digest]);
      assert.equal(await a.runtime.images?.find(digest), undefined);
      assert.deepEqual(await left(), { names: [], pins: 0 });
    });

    scenario('an image that is gone already is forgotten', async ({ a, push, engine, left }) => {
      const image = await push('app:1', 'one');
      await a.use(image);
      await engine('rmi', '--force', (await a.runtime.images?.find(image))?.id ?? '');
      assert.deepEqual(await a.collect(0), []);
      assert.deepEqual(await a.store.images.list(name), []);
      assert.deepEqual(await left(), { names: [], pins: 0 });
    });

    scenario('volumes with authorities go when no job uses them', async ({ a, engine }) => {
      const job = makeRecord({ instanceId: a.instanceId });
      const bundle = Buffer.from(`authorities of ${a.instanceId}`);
      await a.store.create(job, { request: '{}', agentToken: 't' });
      await mkdir(join(a.store.paths(job.jobId).folder, 'ca'));
      await writeFile(join(a.store.paths(job.jobId).folder, 'ca/bundle.pem'), bundle);
      const mine = authorityVolume(bundle);
      const old = authorityVolume(Buffer.from(`older ${a.instanceId}`));
      const other = `mine-${a.instanceId}`;
      for (const name of [mine, old, other])
        await engine('volume', 'create', '--label', `ai.plan42.instance=${a.instanceId}`, name);
      assert.deepEqual(await a.collect(10, true), [old]);
      assert.deepEqual(await a.collect(), [old]);
      await a.store.finish({ ...job, phase: 'ended' });
      assert.ok((await a.collect()).includes(mine));
      await engine('volume', 'rm', other);
    });

    scenario('the container and the image of a killed doctor are found', async ({ a, engine, push }) => {
      const id = randomUUID();
      const [container, image] = [`plan42-doctor-${id}`, `localhost/plan42-doctor:${id}`];
      const label = 'ai.plan42.instance=doctor';
      const base = await push('doctor:1', 'one');
      await engine('pull', '--quiet', base);
      await engine('create', '--label', label, '--name', container, base, '/none');
      await engine('commit', '--change', `LABEL ${label}`, container, image);
      // Of other runs too: the engine is shared.
      const containers = (await a.runtime.listUnmanaged(new Set())).filter(({ jobId }) => jobId === container);
      const left = (await a.runtime.listLeftovers?.([]))?.filter(({ name }) => name === image);
      assert.deepEqual([containers.length, left?.length], [1, 1]);
      for (const { createdAt } of [...containers, ...(left ?? [])])
        assert.ok(Math.abs(Date.now() - createdAt.getTime()) < 3_600_000);
      for (const one of containers) await a.runtime.removeUnmanaged(one.id);
      for (const one of left ?? []) assert.equal(await one.remove([]), true);
      for (const one of left ?? []) assert.equal(await one.remove([]), false, 'gone');
    });

    scenario('containers of jobs that are over go, and no others', async ({ a, b, push, engine }) => {
      const image = await push('app:1', 'one');
      const create = (owner: Runner, container: string) =>
        engine('create', '--name', container, '--label', `ai.plan42.instance=${owner.instanceId}`, image, 'true');
      const [over, active, foreign] = [makeRecord(), makeRecord(), makeRecord()];
      await a.store.create(active, { request: '{}', agentToken: '' });
      const byHand = `by-hand-${randomUUID()}`;
      const stays = [active.jobId, foreign.jobId, byHand];
      await create(a, over.jobId);
      await create(a, active.jobId);
      await create(a, byHand);
      await create(b, foreign.jobId);
      const there = async () =>
        (await engine('ps', '--all', '--format', '{{.Names}}')).split('\n').filter((line) => line !== '');
      assert.deepEqual(await a.collect(0, true), [over.jobId]);
      assert.ok((await there()).includes(over.jobId));
      assert.deepEqual(await a.collect(0), [over.jobId]);
      const left = await there();
      assert.ok(!left.includes(over.jobId));
      assert.deepEqual(
        stays.filter((container) => !left.includes(container)),
        [],
      );
      assert.deepEqual(await b.collect(0), [foreign.jobId]);
      await engine('rm', active.jobId, byHand);
      await engine('rmi', image);
    });
  });
}

async function setUp(t: TestContext, name: 'podman' | 'docker'): Promise<Setting | undefined> {
  const engines = await requires(t, name, 'registry');
  if (!engines) return undefined;
  const { env } = engines[name] as { env: NodeJS.ProcessEnv };
  const folder = await mkdtemp(join(tmpdir(), 'plan42-garbage-'));
  const engine = async (...args: string[]) => (await run(name, args, { env: { ...process.env, ...env } })).stdout;
  // Other test files use the same engine at the same time.
  const space = randomUUID().slice(0, 8);
  const names = async () =>
    (await engine('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n').filter((line) => line !== '');
  const [a, b] = [await makeRunner(name, env, folder), await makeRunner(name, env, folder)];
  const isOurs = (line: string) =>
    [`/${space}/`, a.instanceId, b.instanceId].some((part) => line.includes(part)) && !line.endsWith('<none>');
  t.after(async () => {
    for (const image of (await names()).filter(isOurs)) await engine('rmi', image);
    await rm(folder, { recursive: true });
  });
  return {
    a,
    b,
    engine,
    push: (image, content) => push(engines.registry, `${space}/${image}`, `${content} ${space}`, folder),
    left: async () => {
      const all = (await names()).filter(isOurs);
      const images = all.filter((line) => line.includes(`/${space}/`));
      return { names: images.toSorted(), pins: all.length - images.length };
    },
  };
}

async function makeRunner(name: 'podman' | 'docker', env: NodeJS.ProcessEnv, folder: string): Promise<Runner> {
  const instanceId = randomUUID();
  const stateDir = join(folder, instanceId);
  const store = await JobStore.open(stateDir, join(stateDir, 'logs'));
  const { config } = parseConfig({ file: `runner.runtime = "${name}"`, env: {}, flags: new Map() });
  const runtime = await selectRuntime({
    ...{ config, instanceId, env: { ...process.env, ...env } },
    knownJobs: async () => [],
  });
  const { signal } = new AbortController();
  return {
    instanceId,
    store,
    runtime,
    use: async (image) => {
      const record: JobRecord = makeRecord({ image, instanceId, runtime: name });
      await using _notes = await pullImage(record, { config, store, runtime, logger: silentLogger }, signal);
    },
    collect: async (keepImages = 10, dryRun = false) => {
      const keepImageBytes = Number.POSITIVE_INFINITY;
      const rules = { keepFinishedMs: 0, keepImages, keepImageBytes, keepMirrorBytes: 0, wantedImages: [], graceMs: 0 };
      const context = { store, runtime, instanceId, rules, now: () => Date.now() + 1, signal };
      const { removed, failures } = await collectGarbage(context, { dryRun });
      assert.deepEqual(failures, []);
      return removed.map((garbage) => garbage.name);
    },
  };
}

async function push(registry: string, image: string, content: string, folder: string): Promise<string> {
  const [repository = '', tag = ''] = image.split(':');
  await writeFile(join(folder, 'content'), content);
  const archive = join(folder, 'layer.tar');
  await run('tar', ['--create', '--file', archive, '--directory', folder, 'content']);
  const layers = [await readFile(archive)];
  return pushImage({ registry, repository, tag, layers, signal: AbortSignal.timeout(30_000) });
}
