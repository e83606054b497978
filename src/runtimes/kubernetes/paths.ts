/** Paths of the API for the objects of jobs. */
import type { KubeApi } from './api/kube-api.ts';

const resources = {
  jobs: '/apis/batch/v1',
  pods: '/api/v1',
  secrets: '/api/v1',
  events: '/api/v1',
  leases: '/apis/coordination.k8s.io/v1',
  networkpolicies: '/apis/networking.k8s.io/v1',
} as const;
export type Resource = keyof typeof resources;

/** The path of a list, or of an object by name. */
export function pathOf({ namespace }: Pick<KubeApi, 'namespace'>, resource: Resource, name?: string): string {
  const list = `${resources[resource]}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
  return name === undefined ? list : `${list}/${encodeURIComponent(name)}`;
}
