/** Names, labels and annotations of the objects of a job. They are the same for each attempt to start it. */
import { createHash } from 'node:crypto';

export const agentContainer = 'agent';
/** Labels what this program creates. */
export const managedBy = { 'app.kubernetes.io/managed-by': 'plan42-runner' } as const;
const instanceLabel = 'plan42.ai/instance';
export const instanceAnnotation = 'plan42.ai/instance-id';
export const jobAnnotation = 'plan42.ai/job-id';
/** The label of the pod of an agent behind a wall, and that of the pod of its gateway, with the name of the Job. */
export const walledLabel = 'plan42.ai/walled';
export const gatewayLabel = 'plan42.ai/gateway-of';
/** The annotation of an agent's pod with the address of its gateway. */
export const gatewayAddressAnnotation = 'plan42.ai/gateway-address';
/** The label of a Lease: whether it is a replica's or a job's. */
export const leaseKindLabel = 'plan42.ai/lease';
/** The annotation with the sealed record, on the Lease of a job. */
export const recordAnnotation = 'plan42.ai/record';

/** Begins the name of each Job. */
export const namePrefix = 'plan42-';

const base32 = 'abcdefghijklmnopqrstuvwxyz234567';
const hashLength = 20;

function shortHash(text: string): string {
  const digest = createHash('sha256').update(text).digest();
  return Array.from({ length: hashLength }, (_, index) => base32[(digest[index] ?? 0) % 32]).join('');
}

/** Job IDs can be longer than names in a cluster, and differ in capitals only. */
export function objectName(instanceId: string, jobId: string): string {
  return `${namePrefix}${shortHash(`${instanceId}/${jobId}`)}`;
}

/** The name of the gateway's pod, and of the Secret and the policy that it has. */
export function gatewayName(name: string): string {
  return `${name}-gateway`;
}

export function secretName(name: string, part: number): string {
  return `${name}-${part}`;
}

export function instanceLabels(instanceId: string): Record<string, string> {
  return { ...managedBy, [instanceLabel]: shortHash(instanceId) };
}

/** Selects the objects of all runners. */
export const managedSelector = Object.entries(managedBy)
  .map(([name, value]) => `${name}=${value}`)
  .join(',');

/** Selects the Leases of jobs, whose names are those of the Jobs. */
export const jobLeases = `${leaseKindLabel}=job`;

/** Selects the objects of an instance, or of several. */
export function instanceSelector(...instanceIds: readonly [string, ...string[]]): string {
  return [managedSelector, `${instanceLabel} in (${instanceIds.map(shortHash).join(',')})`].join(',');
}
