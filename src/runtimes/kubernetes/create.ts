/** Creates objects, through outages of the API server. */
import { systemClock } from '../../lib/clock.ts';
import { formatError } from '../../lib/errors.ts';
import { retry } from '../../lib/retry.ts';
import { RuntimeError } from '../runtime.ts';
import { type KubeApi, KubeApiError } from './api/kube-api.ts';
import { pathOf, type Resource } from './paths.ts';

/** How long a start is repeated while the API server does not respond. */
const maxOutageMs = 120_000;
const backoff = { minMs: 100, maxMs: 5000 };

/** A misspelt field of the pod template must not be dropped without a word: it can be one that isolates the agent. */
export const strict = { fieldValidation: 'Strict' };

/** Undefined if the object exists. @throws RuntimeError, also for fields that the cluster does not know */
export async function create<T>(api: KubeApi, resource: Resource, body: object): Promise<T | undefined> {
  const post = async () => {
    try {
      return await api.request<T>('POST', pathOf(api, resource), { body, query: strict });
    } catch (error) {
      if (error instanceof KubeApiError && error.reason === 'AlreadyExists') return undefined;
      throw error;
    }
  };
  return throughOutage(post, `create ${resource} in`);
}

/** Repeats a request until the API server responds. @throws RuntimeError */
export async function throughOutage<T>(request: () => Promise<T>, what: string): Promise<T> {
  const deadline = systemClock.now() + maxOutageMs;
  try {
    return await retry(request, { backoff, deadline, shouldRetry: isTransient });
  } catch (error) {
    throw new RuntimeError(`cannot ${what} the cluster: ${formatError(error)}`, { cause: error });
  }
}

/** Errors of the network too: whether the request was carried out shows with the next one. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof KubeApiError) || error.status === 429 || error.status >= 500;
}
