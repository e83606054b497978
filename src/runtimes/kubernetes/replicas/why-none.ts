import type { Config } from '../../../config/schema.ts';
import type { Readiness } from '../../runtime.ts';
import { minKeyLength } from './seal.ts';

/** Why the settings of replicas cannot be used; undefined if they can, or are not set. */
export function whyNoReplicas({ runner, kubernetes }: Pick<Config, 'runner' | 'kubernetes'>): Readiness | undefined {
  const { stateKey } = kubernetes;
  if (stateKey !== undefined && stateKey.length < minKeyLength)
    return {
      ready: false,
      reason: `kubernetes.state_key has less than ${minKeyLength} characters`,
      remedy: 'Set it to a random text that all replicas get, such as one that `openssl rand -hex 32` prints.',
    };
  // Two runners with one ID that do not know of each other would remove each other's Jobs.
  if (runner.instanceId !== undefined && stateKey === undefined)
    return {
      ready: false,
      reason: 'runner.instance_id is set, but kubernetes.state_key is not: replicas cannot share jobs',
      remedy: 'Set kubernetes.state_key to a random text that all replicas get, or remove runner.instance_id.',
    };
  return undefined;
}
