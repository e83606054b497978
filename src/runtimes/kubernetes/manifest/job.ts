/** The Job of an agent. */
import type { V1EnvVar, V1Job, V1PodTemplateSpec, V1VolumeProjection } from '@kubernetes/client-node';
import type { Config } from '../../../config/schema.ts';
import { nodeVariable } from '../../../gateway/pod/channel.ts';
import { agentLimitsFolder, type HeldLimits } from '../../runtime.ts';
import {
  agentContainer,
  gatewayAddressAnnotation,
  instanceAnnotation,
  instanceLabels,
  jobAnnotation,
  walledLabel,
} from './names.ts';
import type { Secrets } from './secrets.ts';

/** Where a pod has its request. The program `start` knows it. */
export const mountPath = '/plan42';
export const volumeName = 'plan42-job';
export const limitsVolume = 'plan42-limits';
const maxInt32 = 2 ** 31 - 1;

export interface JobSettings {
  jobs: Config['jobs'];
  kubernetes: Config['kubernetes'];
  instanceId: string;
}

export interface JobContent {
  jobId: string;
  name: string;
  image: string;
  pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Arguments of the entrypoint. */
  args: readonly string[];
  variables: Readonly<Record<string, string>>;
  secrets: Secrets;
  architecture: 'amd64' | 'arm64';
  limits?: HeldLimits | undefined;
  /** Whether it is behind a wall: suspended until that stands. */
  isWalled: boolean;
}

const seconds = (ms: number) => Math.min(maxInt32, Math.max(1, Math.ceil(ms / 1000)));

/** The Job without the template of the configuration. */
export function buildJob(content: JobContent, settings: JobSettings): V1Job {
  const { kubernetes, instanceId } = settings;
  const { name, jobId, limits, isWalled } = content;
  const labels = instanceLabels(instanceId);
  const annotations = { [instanceAnnotation]: instanceId, [jobAnnotation]: jobId };
  const template = {
    metadata: { labels: { ...labels, ...(isWalled && { [walledLabel]: name }) }, annotations },
    spec: buildPodSpec(content, settings),
  };
  const { maxDurationMs } = limits ?? {};
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, labels, annotations },
    spec: {
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      ...(isWalled && { suspend: true }),
      // Never two pods of one job.
      podReplacementPolicy: 'Failed',
      ttlSecondsAfterFinished: seconds(kubernetes.ttlMs),
      // The kubelet ends the pod at its own deadline, and keeps its exit code and log. This one is for a kubelet that is gone.
      ...(limits && maxDurationMs !== undefined
        ? { activeDeadlineSeconds: seconds(maxDurationMs + limits.wrapUpMs + kubernetes.startTimeoutMs) }
        : {}),
      template,
    },
  };
}

function buildPodSpec(content: JobContent, { jobs, kubernetes }: JobSettings): NonNullable<V1PodTemplateSpec['spec']> {
  const { limits, secrets, isWalled } = content;
  // The program `init` writes it, with the user of the agent.
  const hasLimitsFile = isWalled && limits?.counted !== undefined;
  // For the end at a limit. A kill request brings its own time.
  const graceMs = limits?.maxDurationMs === undefined ? jobs.stopTimeoutMs : limits.wrapUpMs;
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(kubernetes.serviceAccount !== undefined && { serviceAccountName: kubernetes.serviceAccount }),
    ...(limits?.maxDurationMs !== undefined && { activeDeadlineSeconds: seconds(limits.maxDurationMs) }),
    terminationGracePeriodSeconds: seconds(graceMs),
    nodeSelector: { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': content.architecture },
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    // Names are the gateway's. Without this, each look-up would wait for servers that the wall hides.
    ...(isWalled && { dnsPolicy: 'None', dnsConfig: { nameservers: ['127.0.0.1'] } }),
    containers: [
      {
        name: agentContainer,
        image: content.image,
        imagePullPolicy: content.pullPolicy,
        command: [`${mountPath}/start`, ...(isWalled ? [`${mountPath}/init`] : []), jobs.entrypoint, ...content.args],
        env: environmentOf(content),
        resources: {
          limits: {
            cpu: `${Math.round(jobs.cpus * 1000)}m`,
            memory: `${Math.round(jobs.memoryGib * 1024)}Mi`,
            ...(limits?.diskBytes !== undefined && { 'ephemeral-storage': String(limits.diskBytes) }),
          },
        },
        securityContext: {
          allowPrivilegeEscalation: !jobs.noNewPrivileges,
          capabilities: { drop: ['ALL'], add: [...jobs.capabilities] },
        },
        volumeMounts: [
          { name: volumeName, mountPath, readOnly: true },
          ...(hasLimitsFile ? [{ name: limitsVolume, mountPath: agentLimitsFolder }] : []),
        ],
      },
    ],
    volumes: [
      { name: volumeName, projected: { sources: [...secrets.sources, ...(isWalled ? [gatewayAddressFile] : [])] } },
      ...(hasLimitsFile ? [{ name: limitsVolume, emptyDir: {} }] : []),
    ],
  };
}

/** Known when the Job is resumed: until then, annotations of its pods can be added. */
const gatewayAddressFile: V1VolumeProjection = {
  downwardAPI: {
    items: [
      {
        path: 'gateway-address',
        fieldRef: { fieldPath: `metadata.annotations['${gatewayAddressAnnotation}']` },
      },
    ],
  },
};

function environmentOf({ secrets, variables, isWalled }: JobContent): V1EnvVar[] {
  return [
    // The program `init` removes it.
    ...(isWalled ? [{ name: nodeVariable, valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } }] : []),
    ...secrets.variables.map(({ name, secret, key }) => ({ name, valueFrom: { secretKeyRef: { name: secret, key } } })),
    ...Object.entries(variables).map(([name, value]) => ({ name, value })),
  ];
}
