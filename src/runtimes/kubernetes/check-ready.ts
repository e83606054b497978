/** Whether a cluster takes jobs: it is reachable, knows the runner, and allows what the runner does. */
import { errorCode, formatError, UserError } from '../../lib/errors.ts';
import type { Readiness } from '../runtime.ts';
import { otherAccount, whyNotAccount } from './agent-account.ts';
import { type KubeApi, KubeApiError } from './api/kube-api.ts';
import { isTransient } from './create.ts';

/** Of each request. */
const defaultTimeoutMs = 10_000;

/** The rights that the runner needs in its namespace: verb, group, resource, subresource. */
export const runnerRights = [
  ['create', 'batch', 'jobs'],
  ['get', 'batch', 'jobs'],
  ['list', 'batch', 'jobs'],
  ['watch', 'batch', 'jobs'],
  ['delete', 'batch', 'jobs'],
  ['list', '', 'pods'],
  ['watch', '', 'pods'],
  ['delete', '', 'pods'],
  ['get', '', 'pods', 'log'],
  ['create', '', 'secrets'],
  ['delete', '', 'secrets'],
  ['list', '', 'events'],
  ['watch', '', 'events'],
] as const;

/** Those that it needs in addition if it shares its jobs with other replicas. */
export const replicaRights = [
  ['create', 'coordination.k8s.io', 'leases'],
  ['get', 'coordination.k8s.io', 'leases'],
  ['list', 'coordination.k8s.io', 'leases'],
  ['patch', 'coordination.k8s.io', 'leases'],
  ['delete', 'coordination.k8s.io', 'leases'],
] as const;

/** Those that it needs in addition for jobs whose network is limited. */
export const wallRights = [
  ['patch', 'batch', 'jobs'],
  ['create', '', 'pods'],
  ['get', '', 'pods'],
  ['create', 'networking.k8s.io', 'networkpolicies'],
  ['delete', 'networking.k8s.io', 'networkpolicies'],
] as const;

interface CheckOptions {
  /** Rights in addition to those that every runner needs. */
  more?: Rights | undefined;
  /** The one of jobs. A pod template can name another, which is checked with each job. */
  serviceAccount?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Of each request. */
  timeoutMs?: number;
}

interface Limits {
  signal: AbortSignal | undefined;
  timeoutMs: number;
}

type Rights = readonly (readonly [verb: string, group: string, resource: string, subresource?: string])[];

/** Rejects only with the reason of the signal. */
export async function checkCluster(
  connect: () => Promise<KubeApi>,
  { more = [], serviceAccount, signal, timeoutMs = defaultTimeoutMs }: CheckOptions = {},
): Promise<Readiness> {
  const limits = { signal, timeoutMs };
  let api: KubeApi | undefined;
  try {
    api = await connect();
    const { gitVersion } = await api.request<{ gitVersion: string }>('GET', '/version', limits);
    const missing = await findMissing(api, [...runnerRights, ...more], limits);
    if (missing.length > 0) {
      const remedy = `Give the runner a Role with these rights in the namespace ${api.namespace}, or set kubernetes.namespace.`;
      return {
        ready: false,
        reason: `the runner may not ${missing.join(', ')} in the namespace ${api.namespace}`,
        remedy,
      };
    }
    const reason = await whyNotAccount(api, serviceAccount, limits);
    if (reason !== '') return { ready: false, reason, remedy: otherAccount };
    return (
      (await findNamespaceProblem(api, limits)) ?? { ready: true, detail: `kubernetes ${gitVersion}, ${api.namespace}` }
    );
  } catch (error) {
    signal?.throwIfAborted();
    return { ready: false, ...explain(error, api) };
  }
}

async function findMissing(api: KubeApi, rights: Rights, limits: Limits): Promise<string[]> {
  const allowed = await Promise.all(
    rights.map(async ([verb, group, resource, subresource = '']) => {
      const spec = { resourceAttributes: { namespace: api.namespace, verb, group, resource, subresource } };
      const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const review = await api.request<{ status: { allowed: boolean } }>('POST', path, { body, ...limits });
      return review.status.allowed;
    }),
  );
  return rights
    .filter((_, index) => !allowed[index])
    .map(
      ([verb, , resource, subresource]) =>
        `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}`,
    );
}

/** Only objects show whether a namespace exists: reading the namespace itself is a right of the cluster. */
async function findNamespaceProblem(api: KubeApi, limits: Limits): Promise<Readiness | undefined> {
  const body = { apiVersion: 'v1', kind: 'Secret', metadata: { generateName: 'plan42-check-' } };
  const path = `/api/v1/namespaces/${encodeURIComponent(api.namespace)}/secrets`;
  try {
    await api.request('POST', path, { body, query: { dryRun: 'All' }, ...limits });
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeApiError) || error.status !== 404) throw error;
    const remedy = `Create it, or set kubernetes.namespace.`;
    return { ready: false, reason: `there is no namespace ${api.namespace} in the cluster ${api.server}`, remedy };
  }
}

/** The authorities of the system do not count for a cluster, and the executable takes no flags of Node.js. */
const nodeAdvice = /; if the root CA is installed locally, try running Node\.js with --use-system-ca/;

function explain(error: unknown, api: KubeApi | undefined): Omit<Extract<Readiness, { ready: false }>, 'ready'> {
  const reason = formatError(error).replace(nodeAdvice, '');
  if (error instanceof UserError) return { reason, remedy: error.remedy ?? 'Correct the kubeconfig.' };
  const server = api?.server ?? '';
  if (error instanceof KubeApiError) {
    if (error.status === 401)
      return {
        reason: `the cluster ${server} does not accept the runner's credentials: ${reason}`,
        remedy: 'Renew the user of the context in the kubeconfig, or set kubernetes.context.',
      };
    if (error.status === 403)
      return { reason, remedy: 'Give the runner a Role in the namespace of its jobs, or set kubernetes.namespace.' };
    return {
      reason: `the cluster ${server} failed: ${reason}`,
      remedy: 'Check the API server of the cluster.',
      isTemporary: isTransient(error),
    };
  }
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(errorCode(error) ?? '');
  return {
    reason: `cannot reach the cluster ${server}: ${reason}`,
    remedy: isCertificate
      ? 'Correct certificate-authority or certificate-authority-data of the cluster in the kubeconfig.'
      : 'Start the cluster, or correct its address in the kubeconfig.',
    isTemporary: !isCertificate,
  };
}
