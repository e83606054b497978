/** The Leases of an instance: one of each replica, and one of each job, which names the replica that owns the job. */
import type { V1Job } from '@kubernetes/client-node';
import { formatError } from '../../../lib/errors.ts';
import { isNotFound, type KubeApi, KubeApiError } from '../api/kube-api.ts';
import {
  instanceAnnotation,
  instanceLabels,
  jobAnnotation,
  leaseKindLabel,
  objectName,
  recordAnnotation,
} from '../manifest/names.ts';
import { pathOf } from '../paths.ts';

export type LeaseKind = 'replica' | 'job';

export interface Lease {
  name: string;
  uid: string;
  /** Changes with each change. */
  version: string;
  /** The replica that holds it, by the name of its Lease. In that of a replica, its host. */
  holder: string;
  /** Empty for that of a replica. */
  jobId: string;
  /** The sealed record of the job. */
  content: string;
}

export interface LeaseChange {
  holder?: string;
  content?: string;
  renewedAt?: Date;
}

/** The Lease was changed meanwhile, or exists already. */
export class LeaseConflict extends Error {
  override readonly name = 'LeaseConflict';
}

/** There is no such Lease, or another one of the same name. */
export class LeaseMissing extends Error {
  override readonly name = 'LeaseMissing';
}

/** Every method also rejects if the API server cannot be reached; then it is unknown whether it took effect. */
export interface LeaseStore {
  /** @throws LeaseConflict */
  createReplica(name: string, options: ReplicaOptions): Promise<Lease>;
  /** @throws LeaseConflict, or RecordTooLarge */
  createJob(jobId: string, change: { holder: string; content: string }, limits: RequestLimits): Promise<Lease>;
  /** Undefined if it is missing. */
  get(name: string, limits: RequestLimits): Promise<Lease | undefined>;
  list(kind: LeaseKind, limits: RequestLimits): Promise<Lease[]>;
  /** Only if it still has the version, if one is given. @throws LeaseConflict, LeaseMissing */
  change(
    lease: Pick<Lease, 'name' | 'uid'> & { version?: string },
    change: LeaseChange,
    limits: RequestLimits,
  ): Promise<Lease>;
  /**
   * Whether the Job of a job exists and is not being removed. It is removed before its Lease: if it exists after its Lease was
   * found missing, no replica has finished the job, and a user deleted the Lease.
   */
  hasJob(jobId: string, limits: RequestLimits): Promise<boolean>;
  /** Only if it still has the version. @throws LeaseConflict, LeaseMissing */
  remove(lease: Pick<Lease, 'name' | 'version'>, limits: RequestLimits): Promise<void>;
}

export interface ReplicaOptions extends RequestLimits {
  /** The pod or the machine, for people. */
  host: string;
  durationMs: number;
  now: Date;
}

export interface RequestLimits {
  signal: AbortSignal | undefined;
  timeoutMs: number;
}

interface RawLease {
  metadata: { name: string; uid: string; resourceVersion: string; annotations?: Record<string, string> };
  spec?: { holderIdentity?: string };
}

export function createLeaseStore(connect: () => Promise<KubeApi>, instanceId: string): LeaseStore {
  const path = async (name?: string) => pathOf(await connect(), 'leases', name);
  const labels = (kind: LeaseKind) => ({ ...instanceLabels(instanceId), [leaseKindLabel]: kind });

  async function create(kind: LeaseKind, metadata: object, spec: object, limits: RequestLimits): Promise<Lease> {
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { labels: labels(kind), ...metadata },
      spec,
    };
    return request('POST', await path(), { body, ...limits });
  }

  async function request(
    method: 'POST' | 'PATCH',
    to: string,
    options: RequestLimits & { body: object },
  ): Promise<Lease> {
    const api = await connect();
    return view(await api.request<RawLease>(method, to, options).catch(rethrow));
  }

  return {
    createReplica: (name, { host, durationMs, now, ...limits }) => {
      const spec = {
        holderIdentity: host,
        leaseDurationSeconds: durationMs / 1000,
        acquireTime: microTime(now),
        renewTime: microTime(now),
      };
      return create('replica', { name, annotations: { [instanceAnnotation]: instanceId } }, spec, limits);
    },
    createJob: (jobId, { holder, content }, limits) => {
      const annotations = {
        [instanceAnnotation]: instanceId,
        [jobAnnotation]: jobId,
        [recordAnnotation]: content,
      };
      const name = objectName(instanceId, jobId);
      return create('job', { name, annotations }, { holderIdentity: holder }, limits);
    },
    async get(name, limits) {
      const api = await connect();
      try {
        return view(await api.request<RawLease>('GET', await path(name), limits));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async list(kind, limits) {
      const api = await connect();
      const labelSelector = Object.entries(labels(kind))
        .map(([label, value]) => `${label}=${value}`)
        .join(',');
      const { items } = await api.request<{ items: RawLease[] }>('GET', await path(), {
        query: { labelSelector },
        ...limits,
      });
      return items.map(view);
    },
    async change({ name, uid, version }, { holder, content, renewedAt }, limits) {
      const body = {
        // The API server compares both.
        metadata: {
          uid,
          ...(version !== undefined && { resourceVersion: version }),
          ...(content !== undefined && { annotations: { [recordAnnotation]: content } }),
        },
        spec: {
          ...(holder !== undefined && { holderIdentity: holder }),
          ...(renewedAt && { renewTime: microTime(renewedAt) }),
        },
      };
      return request('PATCH', await path(name), { body, ...limits });
    },
    async hasJob(jobId, limits) {
      const api = await connect();
      const of = pathOf(api, 'jobs', objectName(instanceId, jobId));
      try {
        const { metadata } = await api.request<V1Job>('GET', of, limits);
        return metadata?.deletionTimestamp === undefined;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    },
    async remove({ name, version }, limits) {
      const api = await connect();
      const body = { preconditions: { resourceVersion: version } };
      await api.request('DELETE', await path(name), { body, ...limits }).catch(rethrow);
    },
  };
}

function rethrow(error: unknown): never {
  if (error instanceof KubeApiError && error.status === 409)
    throw new LeaseConflict(formatError(error), { cause: error });
  if (error instanceof KubeApiError && error.status === 404)
    throw new LeaseMissing(formatError(error), { cause: error });
  throw error;
}

function view({ metadata, spec }: RawLease): Lease {
  const { name, uid, resourceVersion: version, annotations = {} } = metadata;
  const jobId = annotations[jobAnnotation] ?? '';
  return {
    name,
    uid,
    version,
    holder: spec?.holderIdentity ?? '',
    jobId,
    content: annotations[recordAnnotation] ?? '',
  };
}

/** The API has microseconds. */
function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
