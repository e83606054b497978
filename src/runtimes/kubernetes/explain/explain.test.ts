import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JobExit } from '../../runtime.ts';
import { explainExit, phaseOf } from './exit.ts';
import type { EventObject, JobObject, Picture, PodObject } from './objects.ts';
import { explainStart } from './start-problem.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
const now = new Date('2026-01-01T00:00:00Z');

/** Objects that a real cluster reported; `test/kubernetes/broken-starts.test.ts` makes the same failures again. */
async function readPicture(name: string): Promise<Picture> {
  const text = await readFile(join(fixtures, `${name}.json`), 'utf8');
  const { job, pods, events, podIsGone } = JSON.parse(text) as {
    job: JobObject;
    pods: PodObject[];
    events: EventObject[];
    podIsGone: boolean;
  };
  return { job, pod: pods[0], events, podIsGone };
}

/** Begins with `final` or `waits`. */
const problems: Readonly<Record<string, string>> = {
  'image-missing':
    'final: cannot pull the image registry.example:5000/missing:1: registry.example:5000/missing:1: not found. Check its name, or push it to its registry.',
  'registry-refuses-connections':
    'waits: cannot pull the image 127.0.0.1:1/agent:1: Head "http://127.0.0.1:1/v2/agent/manifests/1": dial tcp 127.0.0.1:1: connect: connection refused. Check that the nodes of the cluster can reach the registry.',
  'registry-denies-access':
    'final: cannot pull the image registry.example:5000/private:1: pulling from host registry.example:5000 failed with status code [manifests 1]: 403 Forbidden. Check its name, or add the registry’s pull secret to kubernetes.pod_template as imagePullSecrets.',
  'invalid-image-name':
    'final: the name of the image is invalid: Agent::1. Correct the image of the environment, for example to registry.example/agent:1.',
  'image-never-pulled':
    'final: the image localhost/absent:1 is not on the node, and images.pull_policy is "never". Load it on each node, or set images.pull_policy to "if-not-present".',
  'too-many-cpus':
    'waits: no node of the cluster takes its pod: 0/1 nodes are available: 1 Insufficient cpu. Add nodes, lower jobs.cpus or jobs.memory_gib, or lower the requests in kubernetes.pod_template.',
  'no-node-selected':
    "waits: no node of the cluster takes its pod: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. Check nodeSelector and affinity in kubernetes.pod_template, and kubernetes.architecture.",
  'claim-missing':
    'waits: no node of the cluster takes its pod: 0/1 nodes are available: persistentvolumeclaim "work" not found. not found. Create the claim, or correct the volumes of kubernetes.pod_template.',
  'quota-exceeded':
    'waits: the quota of the namespace does not allow its pod: exceeded quota: few, requested: pods=1, used: pods=0, limited: pods=0. Wait for other pods to end, raise the quota, or lower jobs.cpus, jobs.memory_gib or jobs.max_jobs.',
  'limit-range':
    'final: the cluster refused its pod: maximum memory usage per Container is 1Mi, but limit is 64Mi. Correct kubernetes.pod_template or the limits of jobs, or change the policy of the cluster.',
  'service-account-missing':
    'waits: the cluster refused its pod: error looking up service account NAMESPACE/agents: serviceaccount "agents" not found. Create the service account, or correct kubernetes.service_account.',
  'runtime-class-missing':
    'final: the cluster refused its pod: pod rejected: RuntimeClass "gvisor" not found. Correct kubernetes.pod_template or the limits of jobs, or change the policy of the cluster.',
  'secret-of-variable-missing':
    'waits: the configuration of its container is incomplete: secret "tokens" not found. Create the Secret tokens, which kubernetes.pod_template names: kubectl create secret generic tokens --from-file=KEY=FILE',
  'secret-of-volume-missing':
    'waits: the node cannot mount a volume of its pod: MountVolume.SetUp failed for volume "v" : secret "tokens" not found. Create the Secret tokens, which kubernetes.pod_template names: kubectl create secret generic tokens --from-file=KEY=FILE',
  'host-path-missing':
    'waits: the node cannot mount a volume of its pod: MountVolume.SetUp failed for volume "v" : hostPath type check failed: /missing-folder is not a directory. Create what is missing, or correct the volumes of kubernetes.pod_template.',
  'root-not-allowed':
    'final: the pod may not run as root, but its image does: container has runAsNonRoot and image will run as root. Set runAsUser in the securityContext of kubernetes.pod_template, or USER in the image.',
};

for (const [name, expected] of Object.entries(problems)) {
  test(`a start that fails has a reason: ${name}`, async () => {
    const picture = await readPicture(name);
    assert.equal(phaseOf(picture), 'starting');
    const problem = explainStart(picture);
    assert.ok(problem);
    const text = `${problem.isFinal ? 'final' : 'waits'}: ${problem.reason}. ${problem.remedy}`;
    assert.equal(text.replace(/broken-[a-z-]+-[0-9a-f]{6}\//, 'NAMESPACE/'), expected);
  });
}

test('a start that the security policy of the namespace refuses names all violations', async () => {
  const problem = explainStart(await readPicture('pod-security'));
  assert.equal(problem?.isFinal, true);
  assert.match(
    problem.reason,
    /^the namespace does not allow its pod: violates PodSecurity "restricted:latest": allow/,
  );
  assert.match(problem.remedy ?? '', /kubernetes\.pod_template, and jobs\.capabilities to \[\]\.$/);
});

test('a pod that no node takes has a remedy that names cordoned nodes', () => {
  const remedyOf = (message: string) => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    return explainStart({ job: {}, pod: { metadata: { name: 'p' }, status: { conditions } }, events: [] })?.remedy;
  };
  const uncordon = 'Uncordon nodes (kubectl uncordon NODE) or add some';
  assert.equal(remedyOf('0/1 nodes are available: 1 node(s) were unschedulable.'), `${uncordon}.`);
  assert.equal(
    remedyOf(
      "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
    ),
    `${uncordon}, or correct nodeSelector, affinity and tolerations in kubernetes.pod_template.`,
  );
  assert.equal(
    remedyOf('0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.'),
    `${uncordon}, lower jobs.cpus or jobs.memory_gib, or lower the requests in kubernetes.pod_template.`,
  );
});

test('a volume of the runner that cannot be mounted is none of the template', () => {
  const pod = { metadata: { name: 'p' }, spec: { nodeName: 'n' } };
  const remedyOf = (message: string) => {
    const involvedObject = { kind: 'Pod', name: 'p' };
    return explainStart({ job: {}, pod, events: [{ type: 'Warning', reason: 'FailedMount', message, involvedObject }] })
      ?.remedy;
  };
  const failed = (volume: string, why: string) => `MountVolume.SetUp failed for volume "${volume}" : ${why}`;
  assert.equal(remedyOf(failed('plan42-job', 'references non-existent secret key: input')), 'Start the task again.');
  assert.match(
    remedyOf(failed('plan42-job', `secret "plan42-${'a'.repeat(20)}-0" not found`)) ?? '',
    /^Start the task again: /,
  );
  assert.match(remedyOf(failed('v', 'no such folder')) ?? '', /correct the volumes of kubernetes\.pod_template\.$/);
});

const exits: Readonly<Record<string, Partial<JobExit>>> = {
  'entrypoint-missing': {
    startError: 'exec: "/usr/bin/agent-wrapper": stat /usr/bin/agent-wrapper: no such file or directory',
    startRemedy: 'Correct jobs.entrypoint, or add the program to the image.',
  },
  'entrypoint-not-executable': {
    startError: 'exec: "/etc/hosts": permission denied',
    startRemedy: 'Make it an executable file in the image, or correct jobs.entrypoint.',
  },
  'init-container-fails': {
    startError: 'its init container prepare failed with exit code 3',
    startRemedy: 'Correct the init container in kubernetes.pod_template.',
  },
  'rejected-by-node': {
    startError:
      "its node rejected the pod (OutOfcpu): Node didn't have enough resource: cpu, requested: 1000000, used: 0, capacity: 2000",
    startRemedy: 'Start the task again.',
  },
  'out-of-memory': { exitCode: 137, outOfMemory: true },
  'exit-code': { exitCode: 3 },
  success: { exitCode: 0 },
};

for (const [name, expected] of Object.entries(exits)) {
  test(`an exit is read from the objects: ${name}`, async () => {
    const picture = await readPicture(name);
    assert.equal(phaseOf(picture), 'ended');
    const { endedAt, ...exit } = explainExit(picture, now);
    assert.ok(endedAt instanceof Date);
    assert.deepEqual(exit, { exitCode: undefined, outOfMemory: false, startError: undefined, ...expected });
  });
}

const stops: Readonly<Record<string, RegExp>> = {
  'deadline-of-pod': /^it ran longer than the cluster allows \(deadline exceeded\)$/,
  'deadline-of-job': /^it ran longer than the cluster allows \(deadline exceeded\)$/,
  'evicted-for-disk':
    /^its node evicted it: Pod ephemeral local storage usage exceeds the total limit of containers 1Mi$/,
  'evicted-by-drain': /^its pod was evicted, as when its node is drained$/,
  preempted: /^a pod of higher priority took its place \(preempted\)$/,
  'node-lost': /^its node testbed was lost, or drained by a taint$/,
};

for (const [name, expected] of Object.entries(stops)) {
  test(`a job that the cluster ended has a reason: ${name}`, async () => {
    const picture = await readPicture(name);
    assert.equal(phaseOf(picture), 'ended');
    const { stopped, startError } = explainExit(picture, now);
    assert.equal(startError, undefined);
    assert.match(stopped?.reason ?? '', expected);
    assert.ok(stopped?.remedy);
  });
}

test('an end at a limit that the node holds names the limit', async () => {
  const reachedBy = async (name: string) => explainExit(await readPicture(name), now).reached;
  const duration = await reachedBy('deadline-of-pod');
  assert.equal(duration?.limit, 'max_duration');
  assert.ok((duration.used ?? 0) >= 2000, String(duration.used));
  assert.deepEqual(await reachedBy('evicted-for-disk'), { limit: 'disk_gib' });
  // That one is for a node that is gone.
  for (const name of ['deadline-of-job', 'evicted-by-drain']) assert.equal(await reachedBy(name), undefined);
});

test('a running job has no exit', async () => {
  assert.equal(phaseOf(await readPicture('running')), 'running');
});

test('an agent that exited with zero was not stopped, whatever the cluster did then', async () => {
  const { pod, ...rest } = await readPicture('success');
  const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }];
  const drained = { ...pod, metadata: { name: 'p' }, status: { ...pod?.status, conditions } };
  const { exitCode, stopped } = explainExit({ ...rest, pod: drained }, now);
  assert.deepEqual([exitCode, stopped], [0, undefined]);
});

test('the program that starts the agent reports its errors in the state of the container', () => {
  const terminated = { exitCode: 127, message: 'plan42-start: /usr/bin/agent-wrapper: not found', reason: 'Error' };
  const pod = { metadata: { name: 'p' }, status: { containerStatuses: [{ name: 'agent', state: { terminated } }] } };
  const exit = explainExit({ job: {}, pod, events: [] }, now);
  assert.equal(exit.startError, '/usr/bin/agent-wrapper: not found');
  assert.match(exit.startRemedy ?? '', /jobs\.entrypoint/);
});

const agentPod = (state: object, metadata: object = {}, status: object = {}): PodObject => ({
  metadata: { name: 'p', ...metadata },
  spec: { nodeName: 'n' },
  status: { ...status, containerStatuses: [{ name: 'agent', state }] },
});
const second = (n: number) => `2026-01-01T00:00:${String(n).padStart(2, '0')}Z`;

test('an exit that was not observed has a reason', () => {
  const why = (picture: Picture) => {
    const { unseenBecause, unseenRemedy = '' } = explainExit(picture, now);
    return [unseenBecause, unseenRemedy.replace(/ The audit log.*/, '')];
  };
  const unseen = 'was removed from the cluster while the runner was not watching, by a user or a program unknown';
  const none = { pod: undefined, events: [] };
  const again = 'Start the task again.';
  assert.deepEqual(why({ job: undefined, ...none }), [
    `its Job ${unseen} to the runner, or kubernetes.ttl was over`,
    again,
  ]);
  assert.deepEqual(why({ job: {}, ...none }), [`its pod ${unseen} to the runner`, again]);
  const replaced = `its Job was replaced by another one of the same name: it ${unseen} to the runner, or kubernetes.ttl was over`;
  assert.deepEqual(why({ job: undefined, isReplaced: true, ...none }), [replaced, again]);
  const lost = agentPod({ terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } });
  assert.deepEqual(why({ job: {}, pod: lost, events: [] }), ['its node lost the state of its container', '']);
  const involvedObject = { kind: 'Pod', name: 'p' };
  const events = [{ type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready', involvedObject }];
  const gone = why({ job: {}, pod: agentPod({ running: {} }), podIsGone: true, events });
  assert.deepEqual(gone, ['its pod was removed from the cluster: Node is not ready', '']);
});

test('an agent whose pod or Job was removed was stopped by that', () => {
  const removed = { deletionTimestamp: second(32), deletionGracePeriodSeconds: 30 };
  const ended = (exitCode: number, finished: number, metadata: object = removed) =>
    agentPod({ terminated: { exitCode, finishedAt: second(finished) } }, metadata);
  const stop = (picture: Partial<Picture>) => {
    const { exitCode, stopped } = explainExit({ job: {}, pod: undefined, events: [], ...picture }, now);
    return [exitCode, stopped?.code, stopped?.reason.replace(/, by a user or .*/, '')];
  };
  const [ofPod, ofJob] = ['its pod was removed from the cluster', 'its Job was removed from the cluster'];
  assert.deepEqual(stop({ pod: ended(137, 10) }), [137, 'removed', ofPod]);
  assert.deepEqual(stop({ pod: ended(0, 10) }), [0, 'removed', ofPod]);
  for (const code of [0, 143]) assert.deepEqual(stop({ pod: ended(code, 2) }), [code, 'removed', ofPod]);
  assert.deepEqual(stop({ job: undefined, pod: ended(137, 10) }), [137, 'removed', ofJob]);
  const leaving = { metadata: { deletionTimestamp: second(2) } };
  assert.deepEqual(stop({ job: leaving, pod: ended(137, 10) }), [137, 'removed', ofJob]);
  const running = agentPod({ running: {} }, removed);
  assert.deepEqual(stop({ pod: running, podIsGone: true }), [undefined, 'removed', ofPod]);
  const waiting = agentPod({ waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }, removed);
  assert.deepEqual(stop({ pod: waiting, podIsGone: true }), [undefined, 'removed', `${ofPod} before the agent ran`]);
  const suspended = { status: { conditions: [{ type: 'Suspended', status: 'True' }] } };
  assert.match(stop({ job: suspended, pod: ended(143, 10) })[2] as string, /^its Job was suspended/);
  // It ended first, and was removed later.
  assert.deepEqual(stop({ pod: ended(3, 1) }), [3, undefined, undefined]);
  assert.deepEqual(stop({ pod: ended(0, 1) }), [0, undefined, undefined]);
  assert.deepEqual(stop({ pod: ended(137, 10, {}) }), [137, undefined, undefined]);
  // The cluster explains it better.
  const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }];
  const evicted = agentPod({ terminated: { exitCode: 143, finishedAt: second(9) } }, removed, { conditions });
  assert.deepEqual(stop({ pod: evicted }).slice(0, 2), [143, undefined]);
  // The runner did it.
  assert.deepEqual(stop({ pod: ended(137, 10), removedByRunner: 'pod' }), [137, undefined, undefined]);
  const both = { job: undefined, pod: ended(137, 10) };
  assert.deepEqual(stop({ ...both, removedByRunner: 'job' }), [137, undefined, undefined]);
  assert.deepEqual(stop({ ...both, removedByRunner: 'pod' }), [137, 'removed', ofJob]);
});

test('a pod without a node that is being removed never starts', () => {
  const { spec: _, ...pod } = agentPod({ waiting: {} }, { deletionTimestamp: second(2) });
  assert.equal(phaseOf({ job: {}, pod, events: [] }), 'ended');
  assert.equal(phaseOf({ job: {}, pod: { ...pod, spec: { nodeName: 'n' } }, events: [] }), 'starting');
});

test('a pull that is put off is explained by the event that says why', () => {
  const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "r/a:1"' };
  const pod = {
    metadata: { name: 'p' },
    status: { containerStatuses: [{ name: 'agent', image: 'r/a:1', state: { waiting } }] },
  };
  const involvedObject = { kind: 'Pod', name: 'p' };
  const event = (message: string, lastTimestamp: string) => ({
    type: 'Warning',
    reason: 'Failed',
    message,
    involvedObject,
    lastTimestamp,
  });
  const events = [
    event('Failed to pull image "r/a:1": rpc error: code = Unknown desc = manifest unknown', '2026-01-01T00:00:02Z'),
    event('Error: ImagePullBackOff', '2026-01-01T00:00:03Z'),
    event('Failed to pull image "r/a:1": rpc error: code = Unknown desc = timeout', '2026-01-01T00:00:01Z'),
  ];
  const problem = explainStart({ job: {}, pod, events });
  assert.deepEqual([problem?.reason, problem?.isFinal], ['cannot pull the image r/a:1: manifest unknown', true]);
});

test('events that come before the state of the container name a pull, and wait for the rest', () => {
  const pod = {
    metadata: { name: 'p' },
    spec: { nodeName: 'n' },
    status: { containerStatuses: [{ name: 'agent', state: { waiting: { reason: 'ContainerCreating' } } }] },
  };
  const problemOf = (message: string) =>
    explainStart({
      job: {},
      pod,
      events: [{ type: 'Warning', reason: 'Failed', message, involvedObject: { kind: 'Pod', name: 'p' } }],
    });
  const pull = problemOf('Failed to pull image "r/a:1": rpc error: code = NotFound desc = r/a:1: not found');
  assert.deepEqual([pull?.reason, pull?.isFinal], ['cannot pull the image r/a:1: r/a:1: not found', true]);
  assert.equal(problemOf('Error: InvalidImageName'), undefined);
});

test('each recorded failure is in a table', async () => {
  const names = (await readdir(fixtures)).map((file) => file.replace('.json', ''));
  const tested = ['pod-security', 'running', ...Object.keys({ ...problems, ...exits, ...stops })];
  assert.deepEqual(names.toSorted(), tested.toSorted());
});
