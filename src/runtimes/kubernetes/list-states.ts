/** The states of all jobs of a runner, for lists. */
import type { KubeApi } from './api/kube-api.ts';
import { phaseOf } from './explain/exit.ts';
import { pathOf } from './paths.ts';
import { type RawJob, type RawPod, viewJob, viewPod } from './watch/objects.ts';

const states = { starting: 'waiting', running: 'running', ended: 'ended' } as const;
type State = (typeof states)[keyof typeof states];

/** By job ID. @throws an error of the API server, or of the network */
export async function listStates(
  api: KubeApi,
  labelSelector: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, State>> {
  const query = { labelSelector };
  // The pods second: a Job without a pod then has none yet, or none any more.
  const jobs = await api.request<{ items: RawJob[] }>('GET', pathOf(api, 'jobs'), { query, signal });
  const pods = await api.request<{ items: RawPod[] }>('GET', pathOf(api, 'pods'), { query, signal });
  const podOf = new Map(pods.items.map(viewPod).map((pod) => [pod.jobName, pod]));
  return new Map(
    jobs.items.map(viewJob).map(({ name, jobId, object }) => {
      const picture = { job: object, pod: podOf.get(name)?.object, events: [] };
      return [jobId, states[phaseOf(picture)]];
    }),
  );
}
