/** Jobs that no runner manages. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createKubernetesRuntime } from '../../src/runtimes/kubernetes/kubernetes.ts';
import { eventually } from '../support/eventually.ts';
import { makeJobFolder } from '../support/job-folder.ts';
import { agentImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';

test('Jobs of this runner that belong to no job are found and removed, and no others', async (t) => {
  const cluster = await requiresCluster(t);
  if (!cluster) return;
  await loadAgentImages(cluster);
  const { kubeconfig } = await cluster.createRunnerAccount('unmanaged');
  const flags = new Map([['kubernetes.kubeconfig', kubeconfig]]);
  const { config } = parseConfig({ env: {}, flags });
  const createRuntime = (instanceId: string) =>
    createKubernetesRuntime({ env: {}, instanceId, settings: config, logger: silentLogger });
  const [own, other] = [createRuntime('own'), createRuntime('other')];
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
});
