/** Jobs that no runner manages, and those of another replica, which only look like that. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createKubernetesRuntime } from '../../src/runtimes/kubernetes/kubernetes.ts';
import { eventually } from '../support/eventually.ts';
import { makeJobFolder } from '../support/job-folder.ts';
import { agentImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { OutageProxy } from '../support/kubernetes/outage-proxy.ts';
import { makeTempDir } from '../support/temp-dir.ts';

test('Jobs of this runner that belong to no job are found and removed, and no others', async (t) => {
  const cluster = await requiresCluster(t);
  if (!cluster) return;
  await loadAgentImages(cluster);
  const { kubeconfig } = await cluster.createRunnerAccount('unmanaged');
  const flags = new Map([['kubernetes.kubeconfig', kubeconfig]]);
  const { config } = parseConfig({ env: {}, flags });
  const createRuntime = (instanceId: string) =>
    createKubernetesRuntime({ env: {}, instanceId, settings: config, logger: silentLogger });
  const [ownId, otherId] = [randomUUID(), randomUUID()];
  const [own, other] = [createRuntime(ownId), createRuntime(otherId)];
  const start = async (runtime: typeof own) => {
    const folder = await makeJobFolder('{}');
    t.after(() => folder[Symbol.asyncDispose]());
    const job = { ...folder, jobId: `plan42-${randomUUID()}-1`, image: agentImage };
    await runtime.start(job);
    return job.jobId;
  };
  const [kept, left, foreign] = [await start(own), await start(own), await start(other)];
  const found = await own.listUnmanaged(new Set([kept]));
  assert.deepEqual(
    found.map(({ jobId }) => jobId),
    [left],
  );
  assert.ok(Math.abs((found[0]?.createdAt.getTime() ?? 0) - Date.now()) < 120_000);
  // A Job that was created again under its name is another one.
  await own.removeUnmanaged((found[0]?.id ?? '').replace(/[^/]+$/, randomUUID()));
  assert.equal((await own.listUnmanaged(new Set([kept]))).length, 1);
  await own.removeUnmanaged(found[0]?.id ?? '');
  await eventually(async () => (await own.listUnmanaged(new Set([kept]))).length === 0);
  await own.removeUnmanaged(found[0]?.id ?? '');
  assert.deepEqual(
    (await other.listUnmanaged(new Set())).map(({ jobId }) => jobId),
    [foreign],
  );
  const others = (await own.listOthers?.()) ?? [];
  assert.deepEqual(
    others.map(({ jobId, instanceId }) => [jobId, instanceId]),
    [[foreign, otherId]],
  );
  await own.removeUnmanaged(others[0]?.id ?? '');
  await eventually(async () => (await own.listOthers?.())?.length === 0);
});

test('a Job that another replica has just created is not unmanaged, whenever this one looks', async (t) => {
  const cluster = await requiresCluster(t);
  if (!cluster) return;
  await loadAgentImages(cluster);
  const account = await cluster.createRunnerAccount('unmanaged-replicas');
  await using proxy = await OutageProxy.start(account.kubeconfig);
  await using dir = await makeTempDir();
  const throughProxy = join(dir.path, 'kubeconfig');
  await writeFile(throughProxy, proxy.kubeconfig, { mode: 0o600 });
  const stateKey = 'k'.repeat(32);
  const sharedId = randomUUID();
  const createReplica = (kubeconfig: string) => {
    const settings = { 'kubernetes.kubeconfig': kubeconfig, 'runner.instance_id': randomUUID() };
    const { config } = parseConfig({
      env: { PLAN42_KUBERNETES_STATE_KEY: stateKey },
      flags: new Map(Object.entries(settings)),
    });
    return createKubernetesRuntime({ env: {}, instanceId: sharedId, settings: config, logger: silentLogger });
  };
  const [creator, looker] = [createReplica(account.kubeconfig), createReplica(throughProxy)];
  const { replicas } = creator;
  assert.ok(replicas);
  await using _creator = replicas;
  const { signal } = new AbortController();
  await replicas.join({ formerId: undefined, onId: async () => {}, onTaken: () => {}, signal });
  /** As a runner does: the record first, then the Job. */
  const createJob = async () => {
    const folder = await makeJobFolder('{}');
    t.after(() => folder[Symbol.asyncDispose]());
    const jobId = `plan42-${randomUUID()}-1`;
    await replicas.create(jobId, 'record');
    await creator.start({ ...folder, jobId, image: agentImage });
    return { ...folder, jobId };
  };
  const seen = async () => (await looker.listUnmanaged(new Set())).map(({ jobId }) => jobId);
  const first = await createJob();
  assert.deepEqual(await seen(), []);

  // Another one is created between the two lists, after each of the requests of this replica and before the next.
  for (const resource of ['jobs', 'leases']) {
    let creating: Promise<unknown> | undefined;
    const arrived = Promise.withResolvers<void>();
    proxy.before = async ({ method, path }) => {
      if (method !== 'GET' || !path.endsWith(`/${resource}`) || creating !== undefined) return;
      creating = createJob();
      await creating;
      arrived.resolve();
    };
    assert.deepEqual(await seen(), [], resource);
    await arrived.promise;
  }

  // At the end, the Job goes first.
  await creator.remove(first);
  assert.deepEqual(await seen(), []);
  await replicas.remove(first.jobId, signal);
  assert.deepEqual(await seen(), []);

  // Without a record it belongs to no replica.
  const folder = await makeJobFolder('{}');
  t.after(() => folder[Symbol.asyncDispose]());
  const orphan = `plan42-${randomUUID()}-1`;
  await creator.start({ ...folder, jobId: orphan, image: agentImage });
  assert.deepEqual(await seen(), [orphan]);

  // For another runner, the same: a Job with a record has a replica that can adopt it.
  await createJob();
  const { config } = parseConfig({ env: {}, flags: new Map([['kubernetes.kubeconfig', account.kubeconfig]]) });
  const stranger = createKubernetesRuntime({
    ...{ env: {}, instanceId: randomUUID(), settings: config, logger: silentLogger },
  });
  const ofOthers = (await stranger.listOthers?.()) ?? [];
  assert.deepEqual(
    ofOthers.map(({ jobId }) => jobId),
    [orphan],
  );
});
