/** Settings without which a runtime cannot run jobs. */
import type { Config } from './schema.ts';

/** A setting without which the runtime does not start. */
export interface MissingSetting {
  reason: string;
  remedy: string;
  /** The path of the missing setting. */
  path: readonly string[];
  /** The path of the setting that makes it necessary. */
  neededFor: readonly string[];
}

const minStateKeyLength = 32;

/** Undefined if the chosen runtime has all that it needs from the configuration. */
export function missingForRuntime(config: Pick<Config, 'runner' | 'host' | 'kubernetes'>): MissingSetting | undefined {
  if (config.runner.runtime === 'host') return missingForHost(config.host);
  if (config.runner.runtime === 'kubernetes') return missingForReplicas(config);
  return undefined;
}

export function missingForHost({ unisolated, command }: Config['host']): MissingSetting | undefined {
  const neededFor = ['runner', 'runtime'];
  if (!unisolated)
    return {
      reason: 'jobs without isolation are not switched on',
      remedy: 'Set host.unisolated = true if agents may run as you, with your files and network.',
      path: ['host', 'unisolated'],
      neededFor,
    };
  if (command?.[0]) return undefined;
  const remedy = 'Set host.command to the agent and its arguments.';
  return { reason: 'host.command is not set', remedy, path: ['host', 'command'], neededFor };
}

/** Without settings for replicas, none is missing. */
export function missingForReplicas({
  runner,
  kubernetes,
}: Pick<Config, 'runner' | 'kubernetes'>): MissingSetting | undefined {
  const { stateKey } = kubernetes;
  const path = ['kubernetes', 'state_key'];
  if (stateKey !== undefined && stateKey.length < minStateKeyLength)
    return {
      reason: `kubernetes.state_key has less than ${minStateKeyLength} characters`,
      remedy: 'Set it to a random text that all replicas get, such as one that `openssl rand -hex 32` prints.',
      path,
      neededFor: path,
    };
  // Two runners with one ID that do not know of each other would remove each other's Jobs.
  if (runner.instanceId !== undefined && stateKey === undefined)
    return {
      reason: 'runner.instance_id is set, but kubernetes.state_key is not: replicas cannot share jobs',
      remedy: 'Set kubernetes.state_key to a random text that all replicas get, or remove runner.instance_id.',
      path,
      neededFor: ['runner', 'instance_id'],
    };
  return undefined;
}
