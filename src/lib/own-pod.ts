/** The pod of a cluster in which this process runs. */
import { errorCode } from './errors.ts';
import { readText } from './read-file.ts';

const namespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

export interface OwnPod {
  namespace: string;
  name: string;
}

/** Undefined if this process is in no pod, or its pod has no service account. */
export async function findOwnPod(env: NodeJS.ProcessEnv, file = namespaceFile): Promise<OwnPod | undefined> {
  const { HOSTNAME = '', KUBERNETES_SERVICE_HOST } = env;
  if (KUBERNETES_SERVICE_HOST === undefined || HOSTNAME === '') return undefined;
  try {
    const namespace = (await readText(file)).trim();
    return namespace === '' ? undefined : { namespace, name: HOSTNAME };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The command with which another one runs in the pod of this process, and a space; empty if it is in none. */
export async function podCommandPrefix(env: NodeJS.ProcessEnv, file?: string): Promise<string> {
  const own = await findOwnPod(env, file);
  return own === undefined ? '' : `kubectl --namespace ${own.namespace} exec ${own.name} -- `;
}
