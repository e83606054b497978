import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { makeJobFolder } from '../../../test/support/job-folder.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { KubeApi, StreamOptions } from './api/kube-api.ts';
import { waitForJob } from './wait-for-job.ts';
import { createClusterView } from './watch/cluster-view.ts';

const name = 'plan42-aaaaaaaaaaaaaaaaaaaa';
const hourMs = 3600_000;

/** A cluster in which nothing changes. */
function createStillApi(objects: { jobs: object[]; pods: object[] }): KubeApi {
  const lists: Readonly<Record<string, object[]>> = { ...objects, events: [] };
  return {
    namespace: 'agents',
    server: 'https://cluster.example',
    async request<T>(_method: string, path: string) {
      return { metadata: { resourceVersion: '1' }, items: lists[path.split('/').at(-1) ?? ''] ?? [] } as T;
    },
    async stream(path: string, { signal }: StreamOptions) {
      return new ReadableStream<Uint8Array>({
        start(controller) {
          if (path.endsWith('/log')) controller.close();
          else signal.addEventListener('abort', () => controller.error(signal.reason), { once: true });
        },
      });
    },
  };
}

async function waitIn(t: TestContext, api: KubeApi, { startedMsAgo }: { startedMsAgo: number }) {
  await using job = await makeJobFolder();
  const view = createClusterView({ api, labelSelector: 'a=b', logger: silentLogger });
  const startedAtMs = Date.now() - startedMsAgo;
  const common = { version: 1, namespace: 'agents', name, uid: 'u', secrets: 0, maxLogBytes: 2 ** 20 } as const;
  const deps = { api, view, startTimeoutMs: hourMs, logger: silentLogger, signal: t.signal, lostAfterMs: 200 };
  return await waitForJob(job, { ...common, startedAtMs }, deps);
}

const job = { metadata: { name, uid: 'u', annotations: { 'plan42.ai/job-id': 'j' } }, status: {} };
const pod = (agent: object) => ({
  metadata: { name: `${name}-x7k2p`, uid: 'p', labels: { 'batch.kubernetes.io/job-name': name } },
  spec: { nodeName: 'n', containers: [{ name: 'agent', image: 'i' }] },
  status: { phase: 'Failed', containerStatuses: [{ name: 'agent', image: 'i', state: agent }] },
});

test('the time to start counts from the creation of the Job, not from the start of the runner', async (t) => {
  const { startError } = await waitIn(t, createStillApi({ jobs: [job], pods: [] }), { startedMsAgo: hourMs - 100 });
  assert.match(startError ?? '', /^its pod did not start within 3600 s/);
});

test('an agent that has exited while no runner was watching has started in time', async (t) => {
  const terminated = { exitCode: 3, reason: 'Error', finishedAt: '2026-01-01T00:00:00Z' };
  const api = createStillApi({ jobs: [job], pods: [pod({ terminated })] });
  const exit = await waitIn(t, api, { startedMsAgo: 2 * hourMs });
  assert.deepEqual([exit.exitCode, exit.startError], [3, undefined]);
});

test('a job ends when its node is gone, although the pod never does', async (t) => {
  const lost = pod({ running: {} });
  const metadata = { ...lost.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' }];
  const status = { ...lost.status, phase: 'Running', conditions };
  const exit = await waitIn(t, createStillApi({ jobs: [job], pods: [{ ...lost, metadata, status }] }), {
    startedMsAgo: 0,
  });
  assert.deepEqual([exit.exitCode, exit.stopped?.reason], [undefined, 'its node n was lost, or drained by a taint']);
});
