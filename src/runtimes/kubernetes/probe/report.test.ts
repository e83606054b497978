import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Expected, judgeReport, type PodReport, unreadLimits } from './report.ts';

const good: PodReport = {
  ...{ probe: 1, nonce: 'n', token: 'no such file or directory', entrypoint: 'ok', noNewPrivs: '1', seccomp: '2' },
  ...{ memoryMax: '67108864', cpuMax: '50000 100000' },
};
const expected: Expected = {
  ...{ nonce: 'n', image: 'example/agent:1', entrypoint: '/agent', noNewPrivileges: true },
  ...{ memoryBytes: 64 * 2 ** 20, cpus: 0.5, causes: {} },
};
const problemsOf = (report: Partial<PodReport>, more: Partial<Expected> = {}) =>
  judgeReport({ ...good, ...report }, { ...expected, ...more }).problems.map(({ reason }) => reason);

test('a pod as that of a job has no problem, and its facts name its limits', () => {
  const { facts, problems } = judgeReport(good, expected);
  assert.deepEqual(problems, []);
  assert.ok(facts.includes('at most 64 MiB of memory') && facts.includes('at most 0.5 CPUs'), facts.join());
  const others = { ...good, memoryMax: undefined, cpuMax: undefined };
  const firstVersion = { ...others, memoryLimit: '67108864', cpuQuota: '50000', cpuPeriod: '100000' };
  assert.deepEqual(judgeReport(firstVersion, expected).facts, facts);
  assert.deepEqual(judgeReport(others, expected).problems, []);
  assert.deepEqual(unreadLimits(others), ['memory', 'CPUs']);
  assert.deepEqual(unreadLimits(good), []);
});

test('each deviation is a problem', () => {
  const cases: [Partial<PodReport>, Partial<Expected>, string][] = [
    [{ nonce: 'other' }, {}, 'its request did not arrive by standard input'],
    [{ nonce: undefined }, {}, 'its request did not arrive by standard input'],
    [{ token: 'ok' }, {}, 'it has the token of a service account'],
    [{ noNewPrivs: '0' }, {}, 'it can gain privileges'],
    [{ seccomp: '0' }, {}, 'it has no seccomp filter'],
    [{ memoryMax: 'max' }, {}, 'its memory is not limited'],
    [{ memoryMax: undefined, memoryLimit: '9223372036854771712' }, {}, 'its memory is not limited'],
    [{ memoryMax: '134217728' }, {}, 'its limit is 128 MiB of memory, not 64 MiB'],
    [{ cpuMax: 'max 100000' }, {}, 'its CPU is not limited'],
    [{ cpuMax: undefined, cpuQuota: '-1', cpuPeriod: '100000' }, {}, 'its CPU is not limited'],
    [{ cpuMax: '200000 100000' }, {}, 'its limit is 2 CPUs, not 0.5'],
    [{ entrypoint: 'permission denied' }, {}, 'its image example/agent:1 has no agent: /agent: permission denied'],
  ];
  for (const [report, more, reason] of cases) assert.deepEqual(problemsOf(report, more), [reason]);
});

test('limits of the pod template, and privileges that the configuration allows, are as they are', () => {
  assert.deepEqual(problemsOf({ memoryMax: '134217728' }, { memoryBytes: undefined }), []);
  assert.deepEqual(problemsOf({ noNewPrivs: '0' }, { noNewPrivileges: false }), []);
});

test('remedies name the field of the template that is the cause, and none that it does not have', () => {
  const bad: Partial<PodReport> = {
    token: 'ok',
    noNewPrivs: '0',
    seccomp: '0',
    memoryMax: 'max',
    cpuMax: 'max 100000',
  };
  const remediesFor = (causes: Expected['causes']) =>
    judgeReport({ ...good, ...bad }, { ...expected, causes }).problems.map(({ remedy }) => remedy);
  const field = 'securityContext: null of the container "agent"';
  const removed = (what: string) => `Remove ${what} from kubernetes.pod_template.`;
  assert.deepEqual(
    remediesFor({
      ...{ token: 'the volume "token"', newPrivileges: field, seccomp: field },
      ...{ memory: 'resources: null of the container "agent"', cpu: 'resources: null of the container "agent"' },
    }),
    ['the volume "token"', field, field, ...Array(2).fill('resources: null of the container "agent"')].map(removed),
  );
  for (const remedy of remediesFor({})) assert.doesNotMatch(remedy, /pod_template/);
});
