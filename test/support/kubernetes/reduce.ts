/** Keeps of recorded objects what explanations need, so that fixtures can be read. */
import type { Recorded } from './broken-start.ts';

type Json = Record<string, unknown>;

const pick = (from: unknown, ...names: string[]): Json =>
  Object.fromEntries(
    names.flatMap((name) => ((from as Json)?.[name] === undefined ? [] : [[name, (from as Json)[name]]])),
  );

export function reduceRecorded({ job, pods, events, podIsGone }: Recorded): Recorded {
  return {
    podIsGone,
    job: { status: pick(job['status'], 'conditions', 'completionTime') },
    pods: pods.map(({ metadata, spec, status }) => {
      const { containers = [] } = spec as { containers?: Json[] };
      const { initContainerStatuses, containerStatuses } = status as Record<string, Json[] | undefined>;
      const container = (each: Json) => pick(each, 'name', 'image', 'state', 'lastState');
      return {
        metadata: pick(metadata, 'name', 'deletionTimestamp'),
        spec: { ...pick(spec, 'nodeName'), containers: containers.map((each) => pick(each, 'name', 'image')) },
        status: {
          ...pick(status, 'phase', 'reason', 'message', 'conditions'),
          ...(initContainerStatuses && { initContainerStatuses: initContainerStatuses.map(container) }),
          ...(containerStatuses && { containerStatuses: containerStatuses.map(container) }),
        },
      };
    }),
    events: events.map((event) => ({
      ...pick(event, 'type', 'reason', 'message', 'firstTimestamp', 'lastTimestamp', 'eventTime'),
      involvedObject: pick(event['involvedObject'], 'kind', 'name'),
    })),
  };
}
