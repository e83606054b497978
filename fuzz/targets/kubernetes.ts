import { parseMessage, parseReachedLimit } from '../../src/gateway/pod/channel.ts';
import { tryParseJson } from '../../src/lib/json.ts';
import { parseReport } from '../../src/runtimes/check/script.ts';
import { explainRefusal } from '../../src/runtimes/kubernetes/dry-run.ts';
import { explainPull } from '../../src/runtimes/kubernetes/explain/image-pull.ts';
import { remedyForMissing, remedyForPullSecret } from '../../src/runtimes/kubernetes/explain/missing-object.ts';
import { explainStart } from '../../src/runtimes/kubernetes/explain/start-problem.ts';
import { createTimestampReader } from '../../src/runtimes/kubernetes/logs/timestamps.ts';
import { findInTemplate } from '../../src/runtimes/kubernetes/manifest/find-in-template.ts';
import { findOpenings } from '../../src/runtimes/kubernetes/manifest/openings.ts';
import { judgeReport, PodReport } from '../../src/runtimes/kubernetes/probe/report.ts';
import { findWords } from '../../src/runtimes/kubernetes/walled/gateway-crash.ts';
import type { Target } from '../target.ts';

const event = (kind: string, reason: string, message: string) => ({
  type: 'Warning',
  reason,
  message,
  involvedObject: { kind, name: 'p' },
});

const expected = {
  ...{ nonce: 'n', image: 'r/a:1', entrypoint: '/agent', noNewPrivileges: true },
  ...{ memoryBytes: 2 ** 30, cpus: 4, causes: {} },
};

export const targets: readonly Target[] = [
  {
    covers: ['gateway/pod/channel.ts#parseMessage'],
    corpus: [
      '{"run":1,"n":1,"content":{"kind":"line","text":"plan42: network: refused a.test:80: no entry allows this host."}}',
      '{"run":1,"n":2,"content":{"kind":"report","report":{"version":1,"mode":"enforce","entries":[],"others":{"allowed":0,"refused":0}}}}',
      '{"run":1,"n":3,"content":{"kind":"call","index":0,"entry":"{}"}}',
      '{"run":1,"n":4,"content":{"kind":"reached","reached":{"limit":"max_cost","used":2.5,"atMs":1,"wrapUpMs":5}}}',
    ],
    run: (text: string) => parseMessage(text),
  },
  {
    covers: ['gateway/pod/channel.ts#parseReachedLimit'],
    corpus: ['{"limit":"max_tokens","used":1000,"atMs":1767225600000,"wrapUpMs":30000}'],
    run: (text: string) => parseReachedLimit(text),
  },
  {
    covers: ['runtimes/check/script.ts#parseReport'],
    corpus: [
      'plan42-check {"probe":1,"nonce":"n","token":"no such file or directory","entrypoint":"ok","noNewPrivs":"1","seccomp":"2","memoryMax":"max","cpuMax":"400000 100000"}',
      'noise plan42-check {"probe":1,"token":"ok","memoryLimit":"1073741824","cpuQuota":"-1","cpuPeriod":"100000"} noise',
    ],
    run: (text: string) => {
      const report = parseReport(PodReport, text);
      return report && judgeReport(report, expected);
    },
    // It quotes numbers and the outcome of the entrypoint, with a remedy for each.
    maxGrowth: 40,
    maxKiB: 8,
  },
  {
    covers: ['runtimes/kubernetes/explain/image-pull.ts#explainPull'],
    corpus: [
      'Back-off pulling image "r/a:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "r/a:1": failed to resolve reference "r/a:1": r/a:1: not found',
    ],
    run: (text: string) => explainPull('r/a:1', text),
  },
  {
    covers: [
      'runtimes/kubernetes/explain/objects.ts#clause',
      'runtimes/kubernetes/explain/objects.ts#findCondition',
      'runtimes/kubernetes/explain/objects.ts#newestWarning',
    ],
    corpus: [
      'Error creating: pods "p" is forbidden: exceeded quota: q, requested: pods=1',
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available.',
    ],
    run: (text: string) => {
      const job = { status: {} };
      const conditions = [{ type: 'PodScheduled', status: 'False', message: text }];
      const pod = { metadata: { name: 'p' }, status: { conditions } };
      return [
        explainStart({ job, pod: undefined, events: [event('Job', 'FailedCreate', text)] }),
        explainStart({ job, pod, events: [] }),
        explainStart({ job, pod: { metadata: { name: 'p' } }, events: [event('Pod', 'FailedMount', text)] }),
      ];
    },
  },
  {
    covers: ['runtimes/kubernetes/logs/timestamps.ts#createTimestampReader'],
    corpus: [
      '2026-03-01T12:00:00.000000001Z one line\n2026-03-01T12:00:00.1+02:00 another\nfailed to create fsnotify watcher: too many open files',
    ],
    run: (text: string) => {
      const timeless: string[] = [];
      const read = createTimestampReader((bytes) => timeless.push(bytes.toString()));
      const bytes = Buffer.from(text);
      const half = bytes.length >> 1;
      return [read(bytes.subarray(0, half)).length, read(bytes.subarray(half)).length, timeless];
    },
  },
  {
    covers: [
      'runtimes/kubernetes/dry-run.ts#explainRefusal',
      'runtimes/kubernetes/explain/missing-object.ts#remedyForMissing',
      'runtimes/kubernetes/explain/missing-object.ts#remedyForPullSecret',
    ],
    corpus: [
      'Job.batch "x" is invalid: spec.template.spec.containers[0].securityContext: Invalid value: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      'MountVolume.SetUp failed for volume "v" : secret "tokens" not found',
      "couldn't find key API_KEY in Secret agents/tokens",
      'Unable to retrieve some image pull secrets (registry, other); attempting to pull the image may not succeed.',
    ],
    run: (text: string) => [
      explainRefusal(text, { template: { file: '/pod.yaml', content: {} }, openings: [] }).reason,
      remedyForMissing(text, 'agents'),
      remedyForPullSecret([event('Pod', 'FailedToRetrieveImagePullSecret', text)], 'agents'),
    ],
  },
  {
    covers: [
      'runtimes/kubernetes/manifest/find-in-template.ts#findInTemplate',
      'runtimes/kubernetes/manifest/find-in-template.ts#isTree',
      'runtimes/kubernetes/manifest/find-in-template.ts#listOf',
      'runtimes/kubernetes/manifest/find-in-template.ts#treeOf',
      'runtimes/kubernetes/manifest/openings.ts#findOpenings',
    ],
    corpus: [
      '{"spec":{"hostNetwork":true,"containers":[{"name":"agent","securityContext":{"privileged":true}},{"name":"b","securityContext":null}]}}',
      '{"spec":{"volumes":[{"name":"v","hostPath":{"path":"/"}}],"containers":[{"name":"agent","volumeMounts":[{"name":"v"}],"lifecycle":{"preStop":{"exec":{}}}}]}}',
    ],
    run: (text: string) => {
      const template = tryParseJson(text);
      const ours = { spec: { containers: [{ name: 'agent', securityContext: { allowPrivilegeEscalation: false } }] } };
      const path = ['spec', 'containers', 'agent', 'resources', 'limits', 'cpu'];
      return [findOpenings(template, ours, template), findInTemplate(template, path)];
    },
    // Each field of a container has a sentence, and quotes its value.
    maxGrowth: 40,
    maxKiB: 8,
  },
  {
    covers: ['runtimes/kubernetes/walled/gateway-crash.ts#findWords'],
    corpus: [
      'plan42: cannot start the network gateway of the job: no policy\n{"run":1,"n":1,"content":{"kind":"alive"}}\n  at f (x.js)\n',
    ],
    run: (text: string) => findWords(text, ['secret']),
  },
];
