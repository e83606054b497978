/** The image of the pod that this process is in: one that a node of the cluster could pull. */
import { findOwnPod } from '../../../lib/own-pod.ts';
import { KubeApiError } from '../api/kube-api.ts';
import { pathOf } from '../paths.ts';
import type { StartDeps } from '../start-job.ts';
import type { RawPod } from '../watch/objects.ts';

/** Empty if this process is in no pod of the namespace of jobs. */
export async function findOwnImage({ api, env }: StartDeps, signal: AbortSignal): Promise<string[]> {
  const own = await findOwnPod(env);
  if (own?.namespace !== api.namespace) return [];
  try {
    const { spec } = await api.request<RawPod>('GET', pathOf(api, 'pods', own.name), { signal });
    const image = spec?.containers?.[0]?.image;
    return image === undefined ? [] : [image];
  } catch (error) {
    if (error instanceof KubeApiError) return [];
    throw error;
  }
}
