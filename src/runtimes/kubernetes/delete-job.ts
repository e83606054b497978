import { formatError } from '../../lib/errors.ts';
import { RuntimeError } from '../runtime.ts';
import { isNotFound, type KubeApi, KubeApiError } from './api/kube-api.ts';
import { pathOf } from './paths.ts';

/** The cluster removes its pod and its Secrets too. @throws RuntimeError */
export async function deleteJob(api: KubeApi, name: string, uid: string | undefined): Promise<void> {
  const body = { propagationPolicy: 'Background', ...(uid !== undefined && { preconditions: { uid } }) };
  try {
    await ifPresent(api.request('DELETE', pathOf(api, 'jobs', name), { body }));
  } catch (error) {
    throw new RuntimeError(`cannot remove the Job ${name}: ${formatError(error)}`, { cause: error });
  }
}

/** An object with another UID took its place, so that the one that is meant is gone too. */
export async function ifPresent(removal: Promise<unknown>): Promise<void> {
  await removal.catch((error: unknown) => {
    if (!isNotFound(error) && !(error instanceof KubeApiError && error.reason === 'Conflict')) throw error;
  });
}
