import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuntimeError } from '../runtime.ts';
import { type KubeApi, KubeApiError, type RequestOptions } from './api/kube-api.ts';
import { endAgent } from './end-agent.ts';

const marker = { name: 'plan42-a', uid: 'job-uid' };

/** Each list returns the next state of the pod; a deletion fails once for each error. */
function createApi(lists: readonly (object | undefined)[], errors: Error[] = []) {
  const deletions: unknown[] = [];
  let listed = 0;
  const api = {
    namespace: 'agents',
    server: 'https://cluster.example',
    async request(method: string, path: string, { body }: RequestOptions = {}) {
      if (method === 'GET') {
        const pod = lists[Math.min(listed++, lists.length - 1)];
        return { items: pod === undefined ? [] : [pod] };
      }
      deletions.push([path.split('/').slice(-2).join('/'), body]);
      const error = errors.shift();
      if (error !== undefined) throw error;
      return {};
    },
  } as unknown as KubeApi;
  return { api, deletions };
}

async function end(api: KubeApi, graceMs = 30_000) {
  const removed: string[] = [];
  await endAgent(api, marker, { graceMs, onRemove: async (what) => void removed.push(what) });
  return removed;
}

const pod = (state: object, version = '1') => ({
  metadata: { name: 'plan42-a-x', uid: 'u', resourceVersion: version },
  status: { phase: 'Pending', containerStatuses: [{ name: 'agent', state }] },
});
const conflict = () => new KubeApiError('changed', { status: 409, reason: 'Conflict' });

test('an agent that runs has its time to end', async () => {
  const { api, deletions } = createApi([pod({ running: {} })]);
  assert.deepEqual(await end(api), ['pod']);
  const body = { gracePeriodSeconds: 30, preconditions: { uid: 'u' } };
  assert.deepEqual(deletions, [['pods/plan42-a-x', body]]);
});

const ofJob = ['jobs/plan42-a', { propagationPolicy: 'Background', preconditions: { uid: 'job-uid' } }];

test('a pod that has not started is removed with its Job', async () => {
  const { api, deletions } = createApi([pod({ waiting: { reason: 'ContainerCreating' } })]);
  assert.deepEqual(await end(api), ['job']);
  const body = { gracePeriodSeconds: 0, preconditions: { uid: 'u', resourceVersion: '1' } };
  assert.deepEqual(deletions, [['pods/plan42-a-x', body], ofJob]);
});

test('a pod that has not started is removed at once, unless it has started in the meantime', async () => {
  const waiting = pod({ waiting: { reason: 'ContainerCreating' } });
  const { api, deletions } = createApi([waiting, pod({ running: {} }, '2')], [conflict()]);
  assert.deepEqual(await end(api), ['job', 'pod']);
  assert.deepEqual(deletions, [
    ['pods/plan42-a-x', { gracePeriodSeconds: 0, preconditions: { uid: 'u', resourceVersion: '1' } }],
    ['pods/plan42-a-x', { gracePeriodSeconds: 30, preconditions: { uid: 'u' } }],
  ]);
});

test('a pod that is gone, has ended or was replaced is left alone', async () => {
  const gone = createApi([pod({ running: {} })], [new KubeApiError('gone', { status: 404 })]);
  const replaced = createApi([pod({ running: {} })], [conflict()]);
  for (const { api } of [gone, replaced]) await end(api);
  const over = createApi([{ ...pod({}), status: { phase: 'Failed' } }]);
  await end(over.api);
  assert.deepEqual(over.deletions, []);
});

test('a Job without a pod is removed', async () => {
  const { api, deletions } = createApi([undefined]);
  assert.deepEqual(await end(api), ['job']);
  assert.deepEqual(deletions, [ofJob]);
});

test('another error of the API server is reported', async () => {
  const { api } = createApi([pod({ running: {} })], [new KubeApiError('no', { status: 500 })]);
  await assert.rejects(end(api), RuntimeError);
});
