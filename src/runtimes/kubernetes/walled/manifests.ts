/** The objects of a wall: the pod of the gateway with its Secrets, and the policies of both pods. */
import type {
  V1LabelSelector,
  V1ObjectMeta,
  V1OwnerReference,
  V1Pod,
  V1PodTemplateSpec,
  V1Secret,
} from '@kubernetes/client-node';
import {
  changedFolder,
  closedPort,
  gatewayPort,
  givenFolder,
  nodeVariable,
  workFolder,
} from '../../../gateway/pod/channel.ts';
import { gatewayLabel, gatewayName, instanceLabels, walledLabel } from '../manifest/names.ts';

export const gatewayContainer = 'gateway';
/** The user of the runner's image. */
const user = 65532;
/** After the kubelet has killed the agent at the end of its own time, its gateway and so its policies stay for this long. */
const longerSeconds = 60;

export interface OwnerJob {
  name: string;
  uid: string;
}

export interface GatewayContent {
  job: OwnerJob;
  instanceId: string;
  image: string;
  pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** How long the agent may take to end. */
  graceSeconds: number;
  serviceAccount: string | undefined;
  /** That of the agent's pod. Where it may run, how its image is pulled and what names mean counts for the gateway too. */
  template: V1PodTemplateSpec;
}

export const ownedByJob = ({ name, uid }: OwnerJob): V1OwnerReference => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  name,
  uid,
});

export function buildGatewaySecret(
  { job, instanceId }: Pick<GatewayContent, 'job' | 'instanceId'>,
  files: Readonly<Record<string, string | Uint8Array>>,
): V1Secret {
  return secretOf(gatewayName(job.name), { job, instanceId }, files);
}

export const changedSecretName = (name: string): string => `${name}-credentials`;

/** Credentials that have changed since the start of the job. */
export function buildChangedSecret(
  { job, instanceId }: Pick<GatewayContent, 'job' | 'instanceId'>,
  files: Readonly<Record<string, string>>,
): V1Secret {
  return secretOf(changedSecretName(job.name), { job, instanceId }, files);
}

function secretOf(
  name: string,
  { job, instanceId }: Pick<GatewayContent, 'job' | 'instanceId'>,
  files: Readonly<Record<string, string | Uint8Array>>,
): V1Secret {
  const data = Object.entries(files).map(([key, content]) => [key, Buffer.from(content).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels: instanceLabels(instanceId), ownerReferences: [ownedByJob(job)] },
    type: 'Opaque',
    data: Object.fromEntries(data) as Record<string, string>,
  };
}

export function buildGatewayPod(content: GatewayContent): V1Pod {
  const { job, instanceId, image, pullPolicy, graceSeconds, serviceAccount, template } = content;
  const { metadata, spec } = template;
  const { imagePullSecrets, tolerations, nodeSelector, priorityClassName, hostAliases } = spec ?? {};
  const { [walledLabel]: _, ...labels } = metadata?.labels ?? {};
  const annotations = Object.entries(metadata?.annotations ?? {}).filter(([name]) => !name.startsWith('plan42.ai/'));
  const name = gatewayName(job.name);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { ...labels, ...instanceLabels(instanceId), [gatewayLabel]: job.name },
      annotations: Object.fromEntries(annotations),
      ownerReferences: [ownedByJob(job)],
    },
    spec: {
      // The pod keeps its address when the container starts again.
      restartPolicy: 'Always',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: graceSeconds + longerSeconds,
      ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
      ...(imagePullSecrets && { imagePullSecrets }),
      ...(tolerations && { tolerations }),
      ...(nodeSelector && { nodeSelector }),
      ...(priorityClassName !== undefined && { priorityClassName }),
      // The gateway looks names up.
      ...(hostAliases && { hostAliases }),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user,
        runAsGroup: user,
        fsGroup: user,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: gatewayContainer,
          image,
          imagePullPolicy: pullPolicy,
          command: ['/usr/bin/plan42-gateway', '--pod'],
          env: [{ name: nodeVariable, valueFrom: { fieldRef: { fieldPath: 'status.hostIPs' } } }],
          resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { cpu: '1', memory: '512Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [
            { name: 'given', mountPath: givenFolder, readOnly: true },
            { name: 'changed', mountPath: changedFolder, readOnly: true },
            { name: 'work', mountPath: workFolder },
          ],
        },
      ],
      volumes: [
        // 0440
        { name: 'given', secret: { secretName: name, defaultMode: 288 } },
        { name: 'changed', secret: { secretName: changedSecretName(job.name), defaultMode: 288, optional: true } },
        { name: 'work', emptyDir: { sizeLimit: '256Mi' } },
      ],
    },
  };
}

interface PolicyPort {
  protocol: string;
  port: number;
}

interface PolicyPeer {
  podSelector: V1LabelSelector;
}

/** As the API has it. The client's type has other names. */
export interface NetworkPolicy {
  apiVersion: 'networking.k8s.io/v1';
  kind: 'NetworkPolicy';
  metadata: V1ObjectMeta;
  spec: {
    podSelector: V1LabelSelector;
    policyTypes: readonly ('Ingress' | 'Egress')[];
    ingress?: readonly { from: readonly PolicyPeer[]; ports: readonly PolicyPort[] }[];
    egress?: readonly { to: readonly PolicyPeer[]; ports: readonly PolicyPort[] }[];
  };
}

/**
 * The agent's pod reaches its gateway, and no pod reaches it. No other pod reaches the gateway. They stay as long as the Job or the
 * gateway's pod does: the cluster removes them with the last one, which the agent does not outlive.
 */
export function buildPolicies(
  { job, instanceId }: Pick<GatewayContent, 'job' | 'instanceId'>,
  gatewayUid: string,
): NetworkPolicy[] {
  const gateway = { matchLabels: { [gatewayLabel]: job.name } };
  const agent = { matchLabels: { [walledLabel]: job.name } };
  const port = (number: number, protocol = 'TCP') => ({ protocol, port: number });
  const ownerReferences = [
    ownedByJob(job),
    { apiVersion: 'v1', kind: 'Pod', name: gatewayName(job.name), uid: gatewayUid },
  ];
  const policy = (name: string, spec: NetworkPolicy['spec']): NetworkPolicy => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, labels: instanceLabels(instanceId), ownerReferences },
    spec,
  });
  return [
    policy(job.name, {
      podSelector: agent,
      policyTypes: ['Ingress', 'Egress'],
      egress: [{ to: [{ podSelector: gateway }], ports: [port(gatewayPort)] }],
    }),
    policy(gatewayName(job.name), {
      podSelector: gateway,
      policyTypes: ['Ingress'],
      // The closed port too: what keeps the agent from it must be the policy of its own pod.
      ingress: [
        { from: [{ podSelector: agent }], ports: [port(gatewayPort), port(closedPort), port(closedPort, 'UDP')] },
      ],
    }),
  ];
}
