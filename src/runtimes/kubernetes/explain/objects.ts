/** The fields of Jobs, Pods and Events from which starts and exits are explained, as the API server sends them. */
import { trimEnd } from '../../../lib/trim-end.ts';
import { agentContainer } from '../manifest/names.ts';

interface Condition {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
  lastTransitionTime?: string | null;
}

export interface Terminated {
  exitCode: number;
  containerID?: string | undefined;
  signal?: number;
  reason?: string | undefined;
  message?: string | undefined;
  startedAt?: string | null;
  finishedAt?: string | null;
}

export interface ContainerStatus {
  name: string;
  image?: string | undefined;
  state?:
    | {
        waiting?: { reason?: string | undefined; message?: string | undefined };
        running?: { startedAt?: string | null };
        terminated?: Terminated;
      }
    | undefined;
  lastState?: { terminated?: Terminated } | undefined;
  restartCount?: number | undefined;
}

export interface JobObject {
  metadata?: { deletionTimestamp?: string | null | undefined } | undefined;
  status?: { conditions?: readonly Condition[]; completionTime?: string | null };
}

export interface PodObject {
  metadata: {
    name: string;
    namespace?: string | undefined;
    deletionTimestamp?: string | null | undefined;
    deletionGracePeriodSeconds?: number | null | undefined;
  };
  spec?: {
    nodeName?: string | undefined;
    containers?: readonly { name: string; image?: string | undefined }[] | undefined;
  };
  status?: {
    phase?: string | undefined;
    reason?: string | undefined;
    message?: string | undefined;
    conditions?: readonly Condition[] | undefined;
    initContainerStatuses?: readonly ContainerStatus[] | undefined;
    containerStatuses?: readonly ContainerStatus[] | undefined;
  };
}

export interface EventObject {
  type?: string | undefined;
  reason?: string | undefined;
  message?: string | undefined;
  involvedObject: { kind?: string | undefined; name?: string };
  firstTimestamp?: string | null | undefined;
  lastTimestamp?: string | null | undefined;
  eventTime?: string | null | undefined;
  series?: { lastObservedTime?: string | null } | null | undefined;
}

export type Removed = 'pod' | 'job';

/** Everything that is known of a job. */
export interface Picture {
  /** Undefined if it was removed, or never existed. */
  job: JobObject | undefined;
  /** Its newest state, also after its removal. */
  pod: PodObject | undefined;
  /** Whether the pod was removed. */
  podIsGone?: boolean;
  /** Whether another Job has the name of the removed one. */
  isReplaced?: boolean;
  /** Set if the runner itself has removed it, to end the agent. */
  removedByRunner?: Removed | undefined;
  /** Events about the Job and the pod, in any order. */
  events: readonly EventObject[];
}

/** A clause without its full stop, and how to correct it. */
export interface Explanation {
  reason: string;
  remedy?: string | undefined;
}

/** The state of the agent's container. */
export function agentStatus(pod: PodObject | undefined): ContainerStatus | undefined {
  return pod?.status?.containerStatuses?.find(({ name }) => name === agentContainer);
}

/** How the agent's container ended. A node that restarts can make it wait again although it ran. */
export function agentEnd(pod: PodObject | undefined): Terminated | undefined {
  const status = agentStatus(pod);
  return status?.state?.terminated ?? status?.lastState?.terminated;
}

export function findCondition(
  object: JobObject | PodObject | undefined,
  type: string,
  status = 'True',
): Condition | undefined {
  return object?.status?.conditions?.find((each) => each.type === type && each.status === status);
}

/** Milliseconds since 1970; zero if the event has no time. */
export function eventTime({ series, lastTimestamp, eventTime: time, firstTimestamp }: EventObject): number {
  return Date.parse(series?.lastObservedTime ?? lastTimestamp ?? time ?? firstTimestamp ?? '') || 0;
}

/** The newest warning with one of these reasons; with any if none is given. */
export function newestWarning(
  events: readonly EventObject[],
  kind: 'Job' | 'Pod',
  reasons?: readonly string[],
): EventObject | undefined {
  const found = events.filter(
    ({ type, reason = '', involvedObject }) =>
      type === 'Warning' && involvedObject.kind === kind && (reasons === undefined || reasons.includes(reason)),
  );
  return found.reduce<EventObject | undefined>(
    (newest, event) => (newest === undefined || eventTime(event) >= eventTime(newest) ? event : newest),
    undefined,
  );
}

/** One line without a full stop, for the middle of a sentence. */
export function clause(text: string): string {
  return trimEnd(text.replaceAll(/\s+/g, ' ').trim(), '.');
}
