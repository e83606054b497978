/** The parts of Jobs and Pods that are kept in memory: a cluster has hundreds, and an object takes kilobytes. */
import { agentContainer, jobAnnotation } from '../manifest/names.ts';

/** An object as the API server sends it: like the types of the client, but with dates as text. */
interface RawMetadata {
  name: string;
  uid: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  resourceVersion?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

interface RawCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

export interface RawJob {
  metadata: RawMetadata;
  status?: { conditions?: RawCondition[] };
}

interface RawTerminated {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
  finishedAt?: string | null;
}

interface RawContainerState {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt?: string };
  terminated?: RawTerminated;
}

export interface RawPod {
  metadata: RawMetadata;
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: RawCondition[];
    containerStatuses?: { name: string; state?: RawContainerState; lastState?: RawContainerState }[];
    initContainerStatuses?: { name: string; state?: RawContainerState }[];
  };
}

export interface Reason {
  reason: string;
  message: string;
}

export interface JobView {
  name: string;
  uid: string;
  jobId: string;
  createdAt: string;
  /** Why the Job failed. */
  failed: Reason | undefined;
  isComplete: boolean;
}

export interface PodView {
  name: string;
  uid: string;
  jobName: string;
  phase: string;
  /** State of the agent's container. */
  agent: { phase: 'waiting' | 'running' } | (RawTerminated & { phase: 'terminated' });
  /** Why a container waits. */
  waiting: Reason | undefined;
  /** Why no node takes it. */
  unschedulable: Reason | undefined;
  /** Why the cluster ended it. */
  ended: Reason | undefined;
  /** Whether it was removed from the cluster; then the rest is what was known last. */
  isGone: boolean;
}

const jobNameLabel = 'batch.kubernetes.io/job-name';

export function viewJob({ metadata, status }: RawJob): JobView {
  const conditions = status?.conditions ?? [];
  const find = (type: string) => conditions.find((each) => each.type === type && each.status === 'True');
  return {
    name: metadata.name,
    uid: metadata.uid,
    jobId: metadata.annotations?.[jobAnnotation] ?? '',
    createdAt: metadata.creationTimestamp ?? '',
    failed: reasonOf(find('Failed') ?? find('FailureTarget')),
    isComplete: find('Complete') !== undefined,
  };
}

export function viewPod({ metadata, status = {} }: RawPod): PodView {
  const { phase = 'Pending', conditions = [] } = status;
  const agent = status.containerStatuses?.find(({ name }) => name === agentContainer);
  const states = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
    ({ state }) => state,
  );
  // A restart of the node can make a container wait again although it has run.
  const terminated = agent?.state?.terminated ?? agent?.lastState?.terminated;
  const find = (type: string, wanted: string) =>
    conditions.find((each) => each.type === type && each.status === wanted);
  return {
    name: metadata.name,
    uid: metadata.uid,
    jobName: metadata.labels?.[jobNameLabel] ?? metadata.labels?.['job-name'] ?? '',
    phase,
    agent: terminated
      ? { phase: 'terminated', ...terminated }
      : { phase: agent?.state?.running ? 'running' : 'waiting' },
    waiting: reasonOf(states.find((state) => state?.waiting?.message !== undefined)?.waiting),
    unschedulable: reasonOf(find('PodScheduled', 'False')),
    ended: status.reason === undefined ? reasonOf(find('DisruptionTarget', 'True')) : reasonOf(status),
    isGone: false,
  };
}

function reasonOf(from: { reason?: string; message?: string } | undefined): Reason | undefined {
  return from && { reason: from.reason ?? '', message: from.message ?? '' };
}
