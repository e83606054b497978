import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../lib/logger.ts';
import type { KubeApi, RequestOptions, StreamOptions } from '../api/kube-api.ts';
import { findExit, findProblem } from '../explain-exit.ts';
import { type ClusterView, createClusterView } from './cluster-view.ts';

type Kind = 'jobs' | 'pods' | 'events';

/** Lists and watches of given objects. A list waits until it is let through. */
function createFakeApi(objects: Record<Kind, object[]>) {
  const watches = new Map<string, (line: string) => void>();
  const gates: Record<Kind, PromiseWithResolvers<void>> = {
    jobs: Promise.withResolvers(),
    pods: Promise.withResolvers(),
    events: Promise.withResolvers(),
  };
  const lists: Kind[] = [];
  const kindOf = (path: string) => path.split('/').at(-1) as Kind;
  const api: KubeApi = {
    namespace: 'agents',
    server: 'https://cluster.example',
    async request<T>(_method: string, path: string, _options?: RequestOptions) {
      const kind = kindOf(path);
      lists.push(kind);
      await gates[kind].promise;
      return { metadata: { resourceVersion: '1' }, items: objects[kind] } as T;
    },
    stream(path: string, { signal }: StreamOptions) {
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          watches.set(kindOf(path), (line) => controller.enqueue(Buffer.from(`${line}\n`)));
          signal.addEventListener('abort', () => controller.error(signal.reason), { once: true });
        },
      });
      return Promise.resolve(stream);
    },
  };
  const open = (...kinds: Kind[]) => {
    for (const kind of kinds) gates[kind].resolve();
  };
  const send = (kind: Kind, type: string, object: object) => watches.get(kind)?.(JSON.stringify({ type, object }));
  return { api, open, send, lists };
}

const name = 'plan42-aaaaaaaaaaaaaaaaaaaa';
const job = {
  metadata: { name, uid: 'u', resourceVersion: '1', annotations: { 'plan42.ai/job-id': 'j' } },
  status: {},
};
const podName = `${name}-x7k2p`;
const pod = (state: object, resourceVersion = '2') => ({
  metadata: { name: podName, uid: 'p', resourceVersion, labels: { 'batch.kubernetes.io/job-name': name } },
  status: { phase: 'Pending', containerStatuses: [{ name: 'agent', state }] },
});
const warning = (of: object, reason: string, message: string) => ({
  metadata: { name: `e-${reason}`, uid: reason, resourceVersion: '3', managedFields: [{ f: 'x'.repeat(1000) }] },
  type: 'Warning',
  reason,
  message,
  lastTimestamp: '2026-01-01T00:00:00Z',
  involvedObject: of,
});
const viewOf = (api: KubeApi) => createClusterView({ api, labelSelector: 'a=b', logger: silentLogger });

test('a job is gone only after complete lists of Jobs and Pods', async (t) => {
  const { api, open } = createFakeApi({ jobs: [], pods: [], events: [] });
  let found = 0;
  const exit = viewOf(api).waitFor(
    name,
    (state) => {
      found += 1;
      return findExit(state);
    },
    t.signal,
  );
  open('jobs');
  await new Promise(setImmediate);
  assert.equal(found, 0);
  open('pods');
  assert.match((await exit).unseenBecause ?? '', /^its Job was removed from the cluster while the runner was not/);
});

test('a removed pod keeps its last state', async (t) => {
  const running = pod({ running: {} });
  const { api, open, send } = createFakeApi({ jobs: [job], pods: [running], events: [] });
  open('jobs', 'pods', 'events');
  const view = viewOf(api);
  using _held = view.hold();
  await view.waitFor(name, (state) => (state.pod?.agent.phase === 'running' ? true : undefined), t.signal);
  const exit = view.waitFor(name, (state) => findExit(state), t.signal);
  send('pods', 'DELETED', pod({ terminated: { exitCode: 3, reason: 'Error' } }, '4'));
  assert.equal((await exit).exitCode, 3);
});

test('a warning is known at once, whether it is about the Job or its pod', async (t) => {
  const ofJob = warning(
    { kind: 'Job', name },
    'FailedCreate',
    'Error creating: pods "p" is forbidden: exceeded quota: q',
  );
  const other = warning({ kind: 'Job', name: 'other' }, 'FailedCreate', 'exceeded quota: not ours');
  const { api, open, send } = createFakeApi({ jobs: [job], pods: [], events: [other, ofJob] });
  open('jobs', 'pods', 'events');
  const view = viewOf(api);
  using _held = view.hold();
  const first = await view.waitFor(name, (state) => findProblem(state), t.signal);
  assert.match(first.reason, /exceeded quota: q$/);
  const second = view.waitFor(
    name,
    (state) => (findProblem(state)?.reason.includes('volume') ? { state, problem: findProblem(state) } : undefined),
    t.signal,
  );
  send('pods', 'ADDED', pod({ waiting: { reason: 'ContainerCreating' } }));
  send('events', 'ADDED', warning({ kind: 'Pod', name: podName }, 'FailedMount', 'secret "tokens" not found'));
  const { state, problem } = await second;
  assert.match(problem?.reason ?? '', /cannot mount a volume of its pod: secret "tokens" not found$/);
  assert.doesNotMatch(JSON.stringify(state), /managedFields|not ours/);
});

test('many warnings of a job take little memory', async (t) => {
  const events = Array.from({ length: 500 }, (_, n) => warning({ kind: 'Job', name }, 'FailedCreate', `attempt ${n}`));
  const { api, open } = createFakeApi({ jobs: [job], pods: [], events });
  open('jobs', 'pods', 'events');
  const kept = await viewOf(api).waitFor(name, ({ events: known }) => (known.length > 0 ? known : undefined), t.signal);
  assert.ok(kept.length <= 10);
  assert.equal(kept.at(-1)?.message, 'attempt 499');
});

test('what is not needed is not kept: pods of a forgotten job, and warnings about jobs of other runners', async (t) => {
  const { api, open, send } = createFakeApi({ jobs: [job], pods: [pod({ running: {} })], events: [] });
  const view = viewOf(api);
  using _held = view.hold();
  open('jobs', 'pods', 'events');
  const look = () => view.waitFor(name, (state) => state, t.signal);
  const untilSeen = <T>(find: (state: Awaited<ReturnType<typeof look>>) => T | undefined) =>
    view.waitFor(name, find, t.signal);
  await untilSeen((state) => state.pod);
  view.forget(name);
  send('pods', 'DELETED', pod({ terminated: { exitCode: 0 } }));
  const own = warning({ kind: 'Job', name }, 'FailedCreate', 'quota');
  send('events', 'ADDED', own);
  for (let n = 0; n < 600; n += 1) {
    const other = warning({ kind: 'Job', name: `plan42-other-${n}` }, 'FailedCreate', 'quota');
    send('events', 'ADDED', { ...other, metadata: { ...other.metadata, uid: `o-${n}` } });
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { pod: left, events } = await look();
  assert.equal(left, undefined);
  assert.deepEqual(events, [], 'the oldest ones are dropped');
  view.note(job);
  send('events', 'ADDED', own);
  await untilSeen((state) => (state.events.length > 0 ? true : undefined));
});

test('in a service, jobs that follow each other soon share the lists', async (t) => {
  const { api, open, lists } = createFakeApi({ jobs: [job], pods: [], events: [] });
  open('jobs', 'pods', 'events');
  const service = new AbortController();
  const common = { api, labelSelector: 'a=b', logger: silentLogger };
  const find = (view: ClusterView) => view.waitFor(name, (state) => state.job, t.signal);
  const view = createClusterView({ ...common, service: service.signal, lingerMs: 50 });
  await find(view);
  await find(view);
  assert.deepEqual(lists.toSorted(), ['events', 'jobs', 'pods']);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await find(view);
  assert.equal(lists.length, 6, 'the watches end after a while');
  service.abort();
  await find(view);
  assert.equal(lists.length, 9, 'they end with the service');
  const alone = createClusterView(common);
  await find(alone);
  await find(alone);
  assert.equal(lists.length, 15, 'a command does not wait for them');
});
