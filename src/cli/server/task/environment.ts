import { randomUUID } from 'node:crypto';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { EnvVar } from '../../../plan42/objects.ts';
import { isAsWanted, readVariable, type WantedEnvironment } from '../../../plan42/task-input.ts';

/** Returns the ID of an existing environment with exactly these properties, or creates one. */
export async function ensureEnvironment(client: AdminClient, wanted: WantedEnvironment): Promise<string> {
  const existing = (await client.listEnvironments()).find((environment) => isAsWanted(environment, wanted));
  if (existing !== undefined) return existing.EnvironmentId;
  const created = await client.createEnvironment(randomUUID(), {
    Name: wanted.image,
    Description: 'Created by "plan42 server task create".',
    DockerImage: wanted.image,
    Repos: wanted.repos,
    EnvVars: wanted.envVars,
    Ephemeral: true,
  });
  return created.EnvironmentId;
}

/**
 * Parses `NAME=VALUE`, or `NAME`, whose value is read from `env` and is secret, because it is not on the command line.
 * @throws UserError
 */
export function parseEnvVar(text: string, env: NodeJS.ProcessEnv): EnvVar {
  const variable = readVariable(text);
  if (variable === undefined) {
    const remedy = 'Give NAME=VALUE, or NAME to read it from the environment.';
    throw new UserError('a variable in --env has an invalid name', { remedy, exitCode: ExitCode.usage });
  }
  const { name, value } = variable;
  if (value !== undefined) return { Name: name, Value: value, IsSecret: false };
  const secret = env[name];
  if (secret !== undefined) return { Name: name, Value: secret, IsSecret: true };
  throw new UserError(`environment variable ${name} is not set`, {
    remedy: `Set it, or give --env ${name}=VALUE.`,
    exitCode: ExitCode.usage,
  });
}
