/** The secrets of the configuration as it is now, for jobs that start and jobs that run. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Connection } from '../../config/schema.ts';
import { readCredentials, writeCredentials } from '../../gateway/credentials.ts';
import { gatewayFolder, readPolicy } from '../../gateway/policy.ts';
import { collectSecrets, currentValue, isConfigured, type Secret, type SecretConfig } from './collect.ts';

export interface CredentialSource {
  collect: (connection: Connection | undefined, request: Record<string, unknown>) => Secret[];
  /** The configuration as it is now. */
  current: () => SecretConfig;
  /** Uses a configuration that was read again, in later calls. */
  replace: (config: SecretConfig) => void;
  /** Gives the gateway of a running job the secrets as they are now. Resolves with whether any has changed. */
  refresh: (jobFolder: string) => Promise<boolean>;
}

export function createCredentialSource(initial: SecretConfig, env: NodeJS.ProcessEnv): CredentialSource {
  let config = initial;

  async function refresh(jobFolder: string): Promise<boolean> {
    const folder = join(jobFolder, gatewayFolder);
    // A job without a wall has none, and one that ends has none any more.
    const policy = await readPolicy(folder).catch(() => undefined);
    if (policy?.broker === undefined) return false;
    const before = await readCredentials(folder);
    const after = new Map(before);
    for (const { name } of policy.broker.credentials) {
      if (!isConfigured(name)) continue;
      const value = currentValue(name, config, env);
      if (value === undefined) after.delete(name);
      else after.set(name, value);
    }
    if (isDeepStrictEqual(before, after)) return false;
    await writeCredentials(folder, after);
    return true;
  }

  return {
    collect: (connection, request) => {
      const id = connection?.connectionId?.toLowerCase();
      const name = Object.entries(config.github).find(([, each]) => each.connectionId?.toLowerCase() === id)?.[0];
      const named = connection && name !== undefined ? { name, connection } : undefined;
      return collectSecrets({ config, connection: named, request, env });
    },
    current: () => config,
    replace: (next) => {
      config = next;
    },
    refresh,
  };
}
