import { explainPull } from '../../src/runtimes/kubernetes/explain/image-pull.ts';
import { explainStart } from '../../src/runtimes/kubernetes/explain/start-problem.ts';
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
];
