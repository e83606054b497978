import { explainPull } from '../../src/runtimes/kubernetes/explain/image-pull.ts';
import { explainStart } from '../../src/runtimes/kubernetes/explain/start-problem.ts';
import { createTimestampReader } from '../../src/runtimes/kubernetes/logs/timestamps.ts';
import type { Target } from '../target.ts';

const event = (kind: string, reason: string, message: string) => ({
  type: 'Warning',
  reason,
  message,
  involvedObject: { kind, name: 'p' },
});

export const targets: readonly Target[] = [
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
];
