import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeApi } from './api/kube-api.ts';
import { listStates } from './list-states.ts';

const jobOf = (name: string) => ({
  metadata: { name, uid: name, annotations: { 'plan42.ai/job-id': `id of ${name}` } },
});
const podOf = (name: string, status: object) => ({
  metadata: { name: `${name}-x7k2p`, uid: `${name}-pod`, labels: { 'batch.kubernetes.io/job-name': name } },
  status,
});
const agentIn = (state: object) => ({ containerStatuses: [{ name: 'agent', state }] });

/** Answers lists, and notes them. A list that is an error is refused. */
function apiWith(lists: Record<string, object[] | Error>) {
  const asked: string[] = [];
  const api: KubeApi = {
    namespace: 'agents',
    server: 'https://cluster.example',
    async request<T>(_method: string, path: string) {
      const kind = path.split('/').at(-1) ?? '';
      asked.push(kind);
      const items = lists[kind] ?? [];
      if (items instanceof Error) throw items;
      return { items } as T;
    },
    stream: () => Promise.reject(new Error('nothing is watched')),
  };
  return { api, asked };
}

const running = podOf('plan42-running', { phase: 'Running', ...agentIn({ running: {} }) });
const quota = {
  metadata: { name: 'e', uid: 'e' },
  type: 'Warning',
  reason: 'FailedCreate',
  message: 'Error creating: pods "p" is forbidden: exceeded quota: q',
  involvedObject: { kind: 'Job', name: 'plan42-quota' },
};

test('a waiting job has the reason and the remedy, also from warnings about it', async () => {
  const conditions = [
    { type: 'PodScheduled', status: 'False', message: '0/1 nodes are available: 1 Insufficient cpu.' },
  ];
  const { api } = apiWith({
    jobs: ['plan42-running', 'plan42-pending', 'plan42-quota', 'plan42-ok'].map(jobOf),
    pods: [
      running,
      podOf('plan42-pending', { phase: 'Pending', conditions }),
      podOf('plan42-ok', { phase: 'Pending', ...agentIn({ waiting: { reason: 'ContainerCreating' } }) }),
    ],
    events: [quota, { ...quota, involvedObject: { kind: 'Job', name: 'other' } }],
  });
  const states = await listStates(api, 'a=b', undefined);
  assert.deepEqual(states.get('id of plan42-running'), { state: 'running' });
  assert.deepEqual(states.get('id of plan42-ok'), { state: 'waiting', waitReason: undefined });
  const pending = states.get('id of plan42-pending');
  assert.equal(pending?.state, 'waiting');
  assert.match(
    pending?.waitReason ?? '',
    /^no node of the cluster takes its pod: .*Insufficient cpu\. Add nodes, .*\.$/,
  );
  assert.match(states.get('id of plan42-quota')?.waitReason ?? '', /does not allow its pod: exceeded quota: q\. Wait /);
});

test('warnings are read only for jobs that wait, and jobs are listed without the right to read them', async () => {
  const forbidden = { events: new Error('forbidden') };
  const none = apiWith({ jobs: [jobOf('plan42-running')], pods: [running], ...forbidden });
  await listStates(none.api, 'a=b', undefined);
  assert.deepEqual(none.asked, ['jobs', 'pods']);
  const waiting = apiWith({ jobs: [jobOf('plan42-quota')], ...forbidden });
  const states = await listStates(waiting.api, 'a=b', undefined);
  assert.deepEqual(waiting.asked, ['jobs', 'pods', 'events']);
  assert.deepEqual(states.get('id of plan42-quota'), { state: 'waiting', waitReason: undefined });
});
