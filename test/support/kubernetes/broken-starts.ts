/** Jobs that do not start, or end early, each made in a namespace of its own in a real cluster. */

interface PodSpec {
  containers: Record<string, unknown>[];
  [field: string]: unknown;
}

export interface BrokenStart {
  name: string;
  /** Changes the pod of a Job that would succeed. `registry` is the host and port of the test's registry. */
  pod?: (registry: string) => Partial<PodSpec>;
  container?: (registry: string) => Record<string, unknown>;
  job?: Record<string, unknown>;
  namespaceLabels?: Record<string, string>;
  /** Objects to create before the Job: path below the namespace, and object. */
  before?: readonly { path: string; object: Record<string, unknown> }[];
  /** Matches the objects of the Job, as JSON, as soon as the cluster has reported the failure. */
  until: RegExp;
  /** Happens to the pod, or to its node, when the agent runs. */
  whenRunning?: 'evict' | 'preempt' | 'taint';
  /** Whether it disturbs other pods of the node. */
  isExclusive?: boolean;
}

const manyCpus = { requests: { cpu: '1000' }, limits: { cpu: '1000' } };
const shell = (script: string) => ({ command: ['/bin/busybox', 'sh', '-c', script] });
const object = (kind: string, name: string, rest: object, apiVersion = 'v1') => ({
  apiVersion,
  kind,
  metadata: { name },
  ...rest,
});

export const brokenStarts: readonly BrokenStart[] = [
  {
    name: 'image-missing',
    container: (registry) => ({ image: `${registry}/missing:1` }),
    until: /"reason":"(ErrImagePull|ImagePullBackOff)"/,
  },
  {
    name: 'registry-refuses-connections',
    container: () => ({ image: '127.0.0.1:1/agent:1' }),
    until: /"reason":"(ErrImagePull|ImagePullBackOff)"/,
  },
  {
    name: 'registry-denies-access',
    container: (registry) => ({ image: `${registry}/private:1` }),
    until: /"reason":"(ErrImagePull|ImagePullBackOff)"/,
  },
  { name: 'invalid-image-name', container: () => ({ image: 'Agent::1' }), until: /"reason":"InvalidImageName"/ },
  {
    name: 'image-never-pulled',
    container: () => ({ image: 'localhost/absent:1', imagePullPolicy: 'Never' }),
    until: /"waiting":\{[^{}]*ErrImageNeverPull/,
  },
  { name: 'too-many-cpus', container: () => ({ resources: manyCpus }), until: /"reason":"FailedScheduling"/ },
  {
    name: 'no-node-selected',
    pod: () => ({ nodeSelector: { 'kubernetes.io/arch': 'arm64' } }),
    until: /"reason":"FailedScheduling"/,
  },
  {
    name: 'claim-missing',
    pod: () => ({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'work' } }] }),
    until: /"reason":"FailedScheduling"/,
  },
  {
    name: 'quota-exceeded',
    before: [
      { path: '/api/v1/*/resourcequotas', object: object('ResourceQuota', 'few', { spec: { hard: { pods: '0' } } }) },
    ],
    until: /exceeded quota/,
  },
  {
    name: 'limit-range',
    before: [
      {
        path: '/api/v1/*/limitranges',
        object: object('LimitRange', 'small', { spec: { limits: [{ type: 'Container', max: { memory: '1Mi' } }] } }),
      },
    ],
    until: /"reason":"FailedCreate"/,
  },
  {
    name: 'pod-security',
    namespaceLabels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    until: /violates PodSecurity/,
  },
  { name: 'service-account-missing', pod: () => ({ serviceAccountName: 'agents' }), until: /"reason":"FailedCreate"/ },
  { name: 'runtime-class-missing', pod: () => ({ runtimeClassName: 'gvisor' }), until: /"reason":"FailedCreate"/ },
  {
    name: 'secret-of-variable-missing',
    container: () => ({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'tokens', key: 'a' } } }] }),
    // On a busy machine, the node first reports that it cannot ask for the Secret in time.
    until: /"waiting":\{[^{}]*tokens\\" not found/,
  },
  {
    name: 'secret-of-volume-missing',
    pod: () => ({ volumes: [{ name: 'v', secret: { secretName: 'tokens' } }] }),
    container: () => ({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    until: /tokens\\" not found/,
  },
  {
    name: 'host-path-missing',
    pod: () => ({ volumes: [{ name: 'v', hostPath: { path: '/missing-folder', type: 'Directory' } }] }),
    container: () => ({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    until: /"reason":"FailedMount"/,
  },
  {
    name: 'entrypoint-missing',
    container: () => ({ command: ['/usr/bin/agent-wrapper'] }),
    until: /"reason":"StartError"/,
  },
  { name: 'entrypoint-not-executable', container: () => ({ command: ['/etc/hosts'] }), until: /"reason":"StartError"/ },
  {
    name: 'root-not-allowed',
    container: () => ({ securityContext: { runAsNonRoot: true } }),
    until: /"reason":"CreateContainerConfigError"/,
  },
  {
    name: 'init-container-fails',
    pod: () => ({ initContainers: [{ name: 'prepare', image: 'localhost/pause:1', ...shell('exit 3') }] }),
    until: /"phase":"Failed"/,
  },
  {
    name: 'rejected-by-node',
    pod: () => ({ nodeName: 'testbed' }),
    container: () => ({ resources: manyCpus }),
    until: /"phase":"Failed"/,
  },
  {
    name: 'out-of-memory',
    container: () => ({
      command: ['/bin/busybox', 'tail', '/dev/zero'],
      resources: { limits: { memory: '20Mi' }, requests: { memory: '20Mi' } },
    }),
    until: /"reason":"OOMKilled"/,
  },
  {
    name: 'deadline-of-pod',
    pod: () => ({ activeDeadlineSeconds: 2 }),
    container: () => shell('sleep 100'),
    until: /"phase":"Failed"/,
  },
  {
    name: 'deadline-of-job',
    job: { activeDeadlineSeconds: 2 },
    container: () => shell('sleep 100'),
    until: /"type":"Failed"/,
  },
  {
    name: 'evicted-by-drain',
    container: () => shell('sleep 100'),
    whenRunning: 'evict',
    until: /"terminated":|"type":"Failed"/,
  },
  {
    name: 'evicted-for-disk',
    container: () => ({
      ...shell('dd if=/dev/zero of=/big bs=1M count=20; sleep 100'),
      resources: { limits: { 'ephemeral-storage': '1Mi' }, requests: { 'ephemeral-storage': '1Mi' } },
    }),
    until: /"phase":"Failed"/,
  },
  { name: 'exit-code', container: () => shell('exit 3'), until: /"phase":"Failed"/ },
  { name: 'running', container: () => shell('sleep 1000'), until: /"phase":"Running"/ },
  { name: 'success', container: () => shell('exit 0'), until: /"type":"Complete"/ },
  {
    name: 'preempted',
    isExclusive: true,
    container: () => ({ ...shell('sleep 100'), resources: { requests: { cpu: '1500m' } } }),
    whenRunning: 'preempt',
    until: /"terminated":|"type":"Failed"/,
  },
  {
    name: 'node-lost',
    isExclusive: true,
    container: () => shell('sleep 100'),
    whenRunning: 'taint',
    until: /"terminated":|"type":"Failed"/,
  },
];
