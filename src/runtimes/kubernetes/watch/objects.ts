/** The parts of Jobs and Pods that are kept in memory: a cluster has hundreds, and an object takes kilobytes. */
import {
  agentEnd,
  agentStatus,
  type ContainerStatus,
  type EventObject,
  type JobObject,
  type PodObject,
  type Terminated,
} from '../explain/objects.ts';
import { gatewayLabel, gatewayName, jobAnnotation, namePrefix } from '../manifest/names.ts';

/** An object as the API server sends it: like the types of the client, but with dates as text. */
interface RawMetadata {
  name: string;
  namespace?: string;
  uid: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  resourceVersion?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface RawJob {
  metadata: RawMetadata;
  spec?: { suspend?: boolean };
  status?: JobObject['status'];
}

export interface RawPod {
  metadata: RawMetadata;
  spec?: PodObject['spec'];
  status?: PodObject['status'] & { podIP?: string };
}

export interface RawEvent extends EventObject {
  metadata: RawMetadata;
}

export interface JobView {
  name: string;
  uid: string;
  jobId: string;
  createdAt: string;
  /** The fields from which its end is explained. */
  object: JobObject;
}

export interface PodView {
  name: string;
  uid: string;
  /** Its own name if it is the pod of a gateway. */
  jobName: string;
  phase: string;
  /** State of the agent's container. */
  agent: { phase: 'waiting' | 'running' } | (Terminated & { phase: 'terminated' });
  /** The fields from which its start and its end are explained. */
  object: PodObject;
  /** Whether it was removed from the cluster; then the rest is what was known last. */
  isGone: boolean;
}

const jobNameLabel = 'batch.kubernetes.io/job-name';

export function viewJob({ metadata, spec, status }: RawJob): JobView {
  // The condition of a Job that was just resumed is from before.
  const conditions = status?.conditions?.filter(({ type }) => type !== 'Suspended' || spec?.suspend === true) ?? [];
  return {
    name: metadata.name,
    uid: metadata.uid,
    jobId: metadata.annotations?.[jobAnnotation] ?? '',
    createdAt: metadata.creationTimestamp ?? '',
    object: { metadata: { deletionTimestamp: metadata.deletionTimestamp }, status: { conditions } },
  };
}

export function viewPod({ metadata, spec, status = {} }: RawPod): PodView {
  const { name, namespace, deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  const { phase = 'Pending', reason, message, conditions, initContainerStatuses, containerStatuses } = status;
  const object: PodObject = {
    metadata: { name, namespace, deletionTimestamp, deletionGracePeriodSeconds },
    spec: {
      nodeName: spec?.nodeName,
      containers: spec?.containers?.map(({ name: of, image }) => ({ name: of, image })),
    },
    status: {
      phase,
      reason,
      message,
      conditions,
      initContainerStatuses: initContainerStatuses?.map(keepStatus),
      containerStatuses: containerStatuses?.map(keepStatus),
    },
  };
  const terminated = agentEnd(object);
  const isGateway = metadata.labels?.[gatewayLabel] !== undefined;
  return {
    name,
    uid: metadata.uid,
    jobName: isGateway ? name : (metadata.labels?.[jobNameLabel] ?? metadata.labels?.['job-name'] ?? ''),
    phase,
    agent: terminated
      ? { phase: 'terminated', ...terminated }
      : { phase: agentStatus(object)?.state?.running ? 'running' : 'waiting' },
    object,
    isGone: false,
  };
}

function keepStatus({ name, image, state, lastState, restartCount }: ContainerStatus): ContainerStatus {
  return { name, image, state, lastState, restartCount };
}

/** Undefined for an event about an object that is not ours. */
export function viewEvent(event: RawEvent): EventObject | undefined {
  const { type, reason, message, firstTimestamp, lastTimestamp, eventTime, series } = event;
  const { kind, name = '' } = event.involvedObject;
  if (!name.startsWith(namePrefix)) return undefined;
  const times = { firstTimestamp, lastTimestamp, eventTime, series };
  return { type, reason, message, ...times, involvedObject: { kind, name } };
}

/** The name of the Job that an event is about: a pod has the name of its Job and a suffix. Of a gateway, its own name. */
export function jobNameOf({ involvedObject: { kind, name = '' } }: EventObject): string {
  return kind === 'Pod' && !name.endsWith(gatewayName('')) ? name.slice(0, name.lastIndexOf('-')) : name;
}
