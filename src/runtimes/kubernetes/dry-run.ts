/** Asks the API server whether it accepts the Job of a task: fields, quotas of Jobs and webhooks, without creating it. */
import { type KubeApi, KubeApiError } from './api/kube-api.ts';
import { isTransient, strict } from './create.ts';
import { clause } from './explain/objects.ts';
import { pathOf } from './paths.ts';
import type { SampleJob } from './sample-job.ts';

export interface Refusal {
  /** A clause without its full stop. */
  reason: string;
  remedy: string;
  /** Whether a quota is full, which jobs that end change. */
  isQuota: boolean;
}

interface Limits {
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

/** Undefined if the Job is accepted, or a webhook cannot tell. @throws an error of the cluster or of the network */
export async function tryDryRun(sample: SampleJob, api: KubeApi, limits: Limits = {}): Promise<Refusal | undefined> {
  try {
    const query = { ...strict, dryRun: 'All' };
    await api.request('POST', pathOf(api, 'jobs'), { body: sample.manifest, query, ...limits });
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeApiError) || isTransient(error)) throw error;
    if (/does not support dry run/.test(error.message)) return undefined;
    return explainRefusal(error.message, sample);
  }
}

export function explainRefusal(message: string, { template, openings }: Omit<SampleJob, 'manifest'>): Refusal {
  const words = clause(message.replace(/^[\w.]+ "[^"]*" is (forbidden|invalid): /, ''));
  if (/exceeded quota|failed quota/.test(words))
    return {
      reason: `the quota of the namespace does not allow the Job of a task: ${words}`,
      remedy: 'Raise the quota, or lower jobs.max_jobs, jobs.cpus or jobs.memory_gib.',
      isQuota: true,
    };
  const reason = `the cluster refuses the Job of a task: ${words}`;
  if (template === undefined) return { reason, remedy: 'Change the policy of the cluster.', isQuota: false };
  const gains = openings.find(({ aspects }) => aspects?.includes('newPrivileges'))?.field;
  if (/cannot set `?allowPrivilegeEscalation`? to false/.test(words))
    return {
      reason,
      remedy: `Remove ${gains ?? 'securityContext'} from ${template.file}, or set jobs.no_new_privileges = false.`,
      isQuota: false,
    };
  const isOfFields = /strict decoding error|cannot be handled as a|unmarshal/.test(words);
  const otherwise = isOfFields ? '' : ', or change the policy of the cluster';
  return { reason, remedy: `Correct kubernetes.pod_template ${template.file}${otherwise}.`, isQuota: false };
}
