/** The image of the pod that this process is in: one that a node of the cluster could pull. */
import { errorCode } from '../../../lib/errors.ts';
import { readText } from '../../../lib/read-file.ts';
import { KubeApiError } from '../api/kube-api.ts';
import { pathOf } from '../paths.ts';
import type { StartDeps } from '../start-job.ts';
import type { RawPod } from '../watch/objects.ts';

const namespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Empty if this process is in no pod of the namespace of jobs. */
export async function findOwnImage({ api, env }: StartDeps, signal: AbortSignal): Promise<string[]> {
  const { HOSTNAME = '', KUBERNETES_SERVICE_HOST } = env;
  if (KUBERNETES_SERVICE_HOST === undefined || HOSTNAME === '') return [];
  try {
    if ((await readText(namespaceFile)).trim() !== api.namespace) return [];
    const { spec } = await api.request<RawPod>('GET', pathOf(api, 'pods', HOSTNAME), { signal });
    const image = spec?.containers?.[0]?.image;
    return image === undefined ? [] : [image];
  } catch (error) {
    if (error instanceof KubeApiError || errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
