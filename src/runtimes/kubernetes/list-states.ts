/** The states of all jobs of a runner, for lists. */
import type { StateInRuntime } from '../runtime.ts';
import type { KubeApi } from './api/kube-api.ts';
import { phaseOf } from './explain/exit.ts';
import type { EventObject } from './explain/objects.ts';
import { explainStart } from './explain/start-problem.ts';
import { pathOf } from './paths.ts';
import { jobNameOf, type RawEvent, type RawJob, type RawPod, viewEvent, viewJob, viewPod } from './watch/objects.ts';

const states = { starting: 'waiting', running: 'running', ended: 'ended' } as const;

/** By job ID. @throws an error of the API server, or of the network */
export async function listStates(
  api: KubeApi,
  labelSelector: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, StateInRuntime>> {
  const query = { labelSelector };
  // The pods second: a Job without a pod then has none yet, or none any more.
  const jobs = await api.request<{ items: RawJob[] }>('GET', pathOf(api, 'jobs'), { query, signal });
  const pods = await api.request<{ items: RawPod[] }>('GET', pathOf(api, 'pods'), { query, signal });
  const podOf = new Map(pods.items.map(viewPod).map((pod) => [pod.jobName, pod]));
  const pictures = jobs.items.map(viewJob).map(({ name, jobId, object }) => {
    const picture = { job: object, pod: podOf.get(name)?.object };
    return { name, jobId, picture, state: states[phaseOf({ ...picture, events: [] })] };
  });
  const isAnyWaiting = pictures.some(({ state }) => state === 'waiting');
  // Without the right to read them, only some reasons are missing.
  const events = isAnyWaiting ? await listWarnings(api, signal).catch(() => undefined) : undefined;
  signal?.throwIfAborted();
  return new Map<string, StateInRuntime>(
    pictures.map(({ name, jobId, picture, state }) => {
      if (state !== 'waiting') return [jobId, { state }];
      const problem = explainStart({ ...picture, events: events?.get(name) ?? [] });
      const waitReason = problem && [`${problem.reason}.`, problem.remedy].filter(Boolean).join(' ');
      return [jobId, { state, waitReason }];
    }),
  );
}

/** By the name of the Job that they are about, or whose pod they are about. */
async function listWarnings(
  api: KubeApi,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, readonly EventObject[]>> {
  // Events have no labels.
  const query = { fieldSelector: 'type=Warning' };
  const { items } = await api.request<{ items: RawEvent[] }>('GET', pathOf(api, 'events'), { query, signal });
  return Map.groupBy(
    items.map(viewEvent).filter((event) => event !== undefined),
    jobNameOf,
  );
}
