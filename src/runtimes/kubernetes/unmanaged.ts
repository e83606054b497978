/** The Jobs of the namespace that belong to no job in progress of this runner. */
import { formatError } from '../../lib/errors.ts';
import { isUuid } from '../../lib/uuid.ts';
import { checkInstanceId } from '../check/names.ts';
import { type ContainerOfOther, RuntimeError, type UnmanagedContainer } from '../runtime.ts';
import { type KubeApi, KubeApiError } from './api/kube-api.ts';
import { instanceAnnotation, instanceSelector, jobAnnotation, jobLeases, managedSelector } from './manifest/names.ts';
import { pathOf } from './paths.ts';
import type { RawJob } from './watch/objects.ts';

interface List<Item> {
  items: Item[];
}

/**
 * As `Runtime.listUnmanaged`.
 * @param listClaimed Returns the IDs of the jobs that replicas have; called after the Jobs are listed, because the Lease of a
 * job is created before its Job, and removed after it.
 */
export async function listUnmanaged(
  api: KubeApi,
  instanceId: string,
  { except, listClaimed }: { except: ReadonlySet<string>; listClaimed: () => Promise<ReadonlySet<string>> },
  signal: AbortSignal | undefined,
): Promise<UnmanagedContainer[]> {
  const jobs = await listJobs(api, instanceSelector(instanceId, checkInstanceId), signal);
  const claimed = await listClaimed();
  return jobs.map(view).filter(({ jobId }) => !claimed.has(jobId) && !except.has(jobId));
}

/** As `Runtime.listOthers`. */
export async function listOthers(
  api: KubeApi,
  instanceId: string,
  signal: AbortSignal | undefined,
): Promise<ContainerOfOther[]> {
  const jobs = await listJobs(api, managedSelector, signal);
  const leased = await listLeased(api, signal);
  return jobs.flatMap((job) => {
    const { name, annotations } = job.metadata;
    const of = annotations?.[instanceAnnotation];
    // Others can write annotations, too, and the ID becomes a part of a command.
    const isOther = of !== undefined && isUuid(of) && of !== instanceId && of !== checkInstanceId;
    return isOther && !leased.has(name) ? [{ ...view(job), instanceId: of }] : [];
  });
}

async function listJobs(api: KubeApi, labelSelector: string, signal: AbortSignal | undefined): Promise<RawJob[]> {
  const query = { labelSelector };
  const { items } = await api
    .request<List<RawJob>>('GET', pathOf(api, 'jobs'), { query, signal })
    .catch((error: unknown) => {
      throw new RuntimeError(`cannot list Jobs: ${formatError(error)}`, { cause: error });
    });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The names of Jobs that a replica of some runner can adopt. Without the right, there are no replicas that we know of. */
async function listLeased(api: KubeApi, signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
  const query = { labelSelector: `${managedSelector},${jobLeases}` };
  try {
    const { items } = await api.request<List<RawJob>>('GET', pathOf(api, 'leases'), { query, signal });
    return new Set(items.map(({ metadata }) => metadata.name));
  } catch (error) {
    if (error instanceof KubeApiError && error.status === 403) return new Set();
    throw new RuntimeError(`cannot list Leases: ${formatError(error)}`, { cause: error });
  }
}

function view({ metadata }: RawJob): UnmanagedContainer {
  return {
    id: `${metadata.name}/${metadata.uid}`,
    jobId: metadata.annotations?.[jobAnnotation] ?? '',
    createdAt: new Date(metadata.creationTimestamp ?? 0),
    sizeBytes: undefined,
  };
}
