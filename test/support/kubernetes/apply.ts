/** Creates the objects of manifests, as `kubectl create` does. */
import type { KubeApi } from '../../../src/runtimes/kubernetes/api/kube-api.ts';
import type { Manifest } from './helm.ts';

const resources: Readonly<Record<string, string>> = {
  ConfigMap: 'configmaps',
  Deployment: 'deployments',
  Namespace: 'namespaces',
  PodMonitor: 'podmonitors',
  PodDisruptionBudget: 'poddisruptionbudgets',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  Secret: 'secrets',
  ServiceAccount: 'serviceaccounts',
};

/** @param query such as `{ dryRun: 'All' }`. @throws KubeApiError also for fields that the API does not know */
export async function create(api: KubeApi, manifest: Manifest, query: Record<string, string> = {}): Promise<void> {
  const { apiVersion, kind, metadata } = manifest;
  const resource = resources[kind];
  if (resource === undefined) throw new Error(`no path for ${kind}`);
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const path = kind === 'Namespace' ? group : `${group}/namespaces/${metadata.namespace}`;
  const strict = { fieldValidation: 'Strict', ...query };
  await api.request('POST', `${path}/${resource}`, { body: manifest, query: strict });
}
