/** Keeps the service account of the runner from agents: with its rights, they could read every Secret of the namespace. */
import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { UserError } from '../../lib/errors.ts';
import { type KubeApi, KubeApiError, type RequestOptions } from './api/kube-api.ts';
import { throughOutage } from './create.ts';

const known = new WeakMap<KubeApi, string>();

export const otherAccount =
  'Set kubernetes.service_account to another one, and remove it from kubernetes.pod_template.';

/** Why pods of jobs must not have this account, or the default one of the namespace. Empty if they may. @throws an error of the API server */
export async function whyNotAccount(
  api: KubeApi,
  name = 'default',
  limits: Pick<RequestOptions, 'signal' | 'timeoutMs'> = {},
): Promise<string> {
  const user = known.get(api) ?? (await findOwnUser(api, limits));
  known.set(api, user);
  if (user !== `system:serviceaccount:${api.namespace}:${name}`) return '';
  return `agents must not have the service account ${name} of the namespace ${api.namespace}: it is that of the runner`;
}

/** @throws UserError if the pod would have the account of the runner; RuntimeError */
export async function refuseOwnAccount(api: KubeApi, { spec }: Pick<V1PodTemplateSpec, 'spec'>): Promise<void> {
  const find = () => whyNotAccount(api, spec?.serviceAccountName ?? spec?.serviceAccount);
  const why = await throughOutage(find, 'find the account of the runner in');
  if (why !== '') throw new UserError(why, { remedy: otherAccount });
}

/** The name by which the API server knows the runner. Empty if it does not say. */
async function findOwnUser(api: KubeApi, limits: Pick<RequestOptions, 'signal' | 'timeoutMs'>): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  try {
    const { status } = await api.request<Review>('POST', path, { body, ...limits });
    return status?.userInfo?.username ?? '';
  } catch (error) {
    // An administrator can have taken this right from everyone.
    if (error instanceof KubeApiError && [403, 404].includes(error.status)) return '';
    throw error;
  }
}

interface Review {
  status?: { userInfo?: { username?: string } };
}
