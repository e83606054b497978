/** Why a job has not started yet, from the newest state of its objects. */
import { limitsVolume, volumeName } from '../manifest/job.ts';
import { explainPull } from './image-pull.ts';
import { remedyForMissing, remedyForPullSecret } from './missing-object.ts';
import {
  agentStatus,
  type ContainerStatus,
  clause,
  type EventObject,
  type Explanation,
  findCondition,
  newestWarning,
  type Picture,
  type PodObject,
} from './objects.ts';

export interface StartProblem extends Explanation {
  /** Whether waiting cannot help, so that the job ends at once. The others count when `kubernetes.start_timeout` is over. */
  isFinal: boolean;
}

const pullReasons = new Set(['ErrImagePull', 'ImagePullBackOff', 'RegistryUnavailable', 'SignatureValidationFailed']);
// The node reports these while all is well.
const ordinaryWaits = new Set(['ContainerCreating', 'PodInitializing', '']);
// A container's own state is newer than these, and its message is better.
const podEvents = [
  ...['FailedMount', 'FailedAttachVolume', 'FailedMapVolume', 'FailedBinding'],
  ...['FailedCreatePodSandBox', 'FailedCreatePodContainer', 'NetworkNotReady', 'NodeNotReady', 'Failed'],
];

/** Undefined if nothing is known to be wrong. Only for a job that is starting. */
export function explainStart({ job, pod, events }: Picture): StartProblem | undefined {
  if (pod === undefined) {
    const suspended = findCondition(job, 'Suspended');
    if (suspended !== undefined)
      return { reason: 'its Job is suspended', remedy: 'Resume it, or change what suspends Jobs.', isFinal: false };
    const event = newestWarning(events, 'Job', ['FailedCreate']);
    return event && explainCreate(event);
  }
  return explainWaiting(pod, events) ?? explainScheduling(pod, events) ?? explainPodEvent(pod, events);
}

/** The API server refused the pod: by a quota, a policy, a webhook. */
function explainCreate({ message = '' }: EventObject): StartProblem {
  const words = clause(message.replace(/^Error creating: /, ''));
  const refused = words.replace(/^pods "[^"]*" is forbidden: /, '');
  if (/exceeded quota|failed quota/.test(words))
    return {
      reason: `the quota of the namespace does not allow its pod: ${refused}`,
      remedy: 'Wait for other pods to end, raise the quota, or lower jobs.cpus, jobs.memory_gib or jobs.max_jobs.',
      isFinal: false,
    };
  if (/violates PodSecurity/.test(words)) {
    const capabilities = /capabilities/.test(words) ? ', and jobs.capabilities to []' : '';
    return {
      reason: `the namespace does not allow its pod: ${refused}`,
      remedy: `Relax the label pod-security.kubernetes.io/enforce of the namespace, or set what is missing in kubernetes.pod_template${capabilities}.`,
      isFinal: true,
    };
  }
  // A controller creates the service account of a new namespace a moment later.
  if (/service ?account/i.test(words))
    return {
      reason: `the cluster refused its pod: ${refused}`,
      remedy: 'Create the service account, or correct kubernetes.service_account.',
      isFinal: false,
    };
  return {
    reason: `the cluster refused its pod: ${refused}`,
    remedy: 'Correct kubernetes.pod_template or the limits of jobs, or change the policy of the cluster.',
    isFinal: words !== refused,
  };
}

function explainWaiting(pod: PodObject, events: readonly EventObject[]): StartProblem | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const { namespace } = pod.metadata;
  const agent = agentStatus(pod);
  // The agent's container first: its state is what people look for.
  const others = [...initContainerStatuses, ...containerStatuses].filter((status) => status !== agent);
  for (const status of agent === undefined ? others : [agent, ...others]) {
    const { reason = '', message = '' } = status.state?.waiting ?? {};
    if (ordinaryWaits.has(reason)) continue;
    return explainContainer(status, { reason, message }, { image: imageOf(pod, status), events, namespace });
  }
  return undefined;
}

interface ContainerContext {
  image: string;
  events: readonly EventObject[];
  namespace: string | undefined;
}

function explainContainer(
  { name }: ContainerStatus,
  { reason, message }: { reason: string; message: string },
  { image, events, namespace }: ContainerContext,
): StartProblem {
  const words = clause(message);
  if (pullReasons.has(reason)) {
    const isWithoutCause = /^Back-off pulling image "[^"]*"$/.test(words);
    const failed = newestWarning(
      events.filter((event) => event.message?.startsWith('Failed to pull image')),
      'Pod',
      ['Failed'],
    );
    return withPullSecret(explainPull(image, isWithoutCause ? (failed?.message ?? '') : message), events, namespace);
  }
  if (reason === 'InvalidImageName')
    return {
      reason: `the name of the image is invalid: ${image}`,
      remedy: 'Correct the image of the environment, for example to registry.example/agent:1.',
      isFinal: true,
    };
  if (reason === 'ErrImageNeverPull')
    return {
      reason: `the image ${image} is not on the node, and images.pull_policy is "never"`,
      remedy: 'Load it on each node, or set images.pull_policy to "if-not-present".',
      isFinal: true,
    };
  if (reason === 'CreateContainerConfigError') return explainConfig(words, namespace);
  return {
    reason: `the node cannot create the container ${name} (${reason})${words === '' ? '' : `: ${words}`}`,
    isFinal: false,
  };
}

/** Without its Secret, a registry denies what it would give, or hides it. */
function withPullSecret(problem: StartProblem, events: readonly EventObject[], namespace: string | undefined) {
  const remedy = remedyForPullSecret(events, namespace);
  return remedy === undefined ? problem : { ...problem, remedy };
}

function explainConfig(words: string, namespace: string | undefined): StartProblem {
  if (/runAsNonRoot|non-numeric user/.test(words))
    return {
      reason: `the pod may not run as root, but its image does: ${clause(words.replace(/ \(pod: .*$/, ''))}`,
      remedy: 'Set runAsUser in the securityContext of kubernetes.pod_template, or USER in the image.',
      isFinal: true,
    };
  // Another program may be about to create it.
  return {
    reason: `the configuration of its container is incomplete: ${words}`,
    remedy:
      remedyForMissing(words, namespace) ??
      'Create what is missing in the namespace, or correct kubernetes.pod_template.',
    isFinal: false,
  };
}

function explainScheduling(pod: PodObject, events: readonly EventObject[]): StartProblem | undefined {
  const condition = findCondition(pod, 'PodScheduled', 'False');
  const message = condition?.message ?? newestWarning(unscheduled(pod, events), 'Pod', ['FailedScheduling'])?.message;
  if (message === undefined) return undefined;
  // The part about preemption repeats the reason once for each node.
  const words = clause(message.replace(/(\.? no new claims to deallocate,?)? preemption: .*$/s, ''));
  return { reason: `no node of the cluster takes its pod: ${words}`, remedy: schedulingRemedy(words), isFinal: false };
}

// Events of the time before a node took it are history.
function unscheduled(pod: PodObject, events: readonly EventObject[]): readonly EventObject[] {
  return pod.spec?.nodeName === undefined ? events : [];
}

function schedulingRemedy(words: string): string {
  if (/persistentvolumeclaim/.test(words))
    return 'Create the claim, or correct the volumes of kubernetes.pod_template.';
  const isCordoned = /unschedulable/.test(words);
  const nodes = isCordoned ? 'Uncordon nodes (kubectl uncordon NODE) or add some' : 'Add nodes';
  if (/Insufficient|Too many pods/.test(words))
    return `${nodes}, lower jobs.cpus or jobs.memory_gib, or lower the requests in kubernetes.pod_template.`;
  if (isCordoned)
    return /taint|affinity|selector/.test(words)
      ? `${nodes}, or correct nodeSelector, affinity and tolerations in kubernetes.pod_template.`
      : `${nodes}.`;
  if (/taint/.test(words)) return 'Add tolerations to kubernetes.pod_template, or correct the nodes.';
  return 'Check nodeSelector and affinity in kubernetes.pod_template, and kubernetes.architecture.';
}

const failedPull = /^Failed to pull image "([^"]*)"/;

function explainPodEvent(
  { metadata: { namespace } }: PodObject,
  events: readonly EventObject[],
): StartProblem | undefined {
  // The other failures of a container are in its state a moment later, in better words.
  const relevant = events.filter(({ reason, message = '' }) => reason !== 'Failed' || failedPull.test(message));
  const event = newestWarning(relevant, 'Pod', podEvents);
  if (event === undefined) return undefined;
  const [, image] = failedPull.exec(event.message ?? '') ?? [];
  if (image !== undefined) return withPullSecret(explainPull(image, event.message ?? ''), events, namespace);
  const words = clause(event.message ?? '');
  if (/Volume|Mount/.test(event.reason ?? ''))
    return {
      reason: `the node cannot mount a volume of its pod: ${words}`,
      remedy: remedyForMissing(words, namespace) ?? remedyForVolume(words),
      isFinal: false,
    };
  return { reason: `the node cannot start its pod (${event.reason}): ${words}`, isFinal: false };
}

/** The template cannot change the volumes of the runner. */
function remedyForVolume(words: string): string {
  return [volumeName, limitsVolume].some((name) => words.includes(name))
    ? 'Start the task again.'
    : 'Create what is missing, or correct the volumes of kubernetes.pod_template.';
}

function imageOf(pod: PodObject, { name, image = '' }: ContainerStatus): string {
  return pod.spec?.containers?.find((container) => container.name === name)?.image ?? image;
}
