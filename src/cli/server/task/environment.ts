import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { Environment, EnvVar } from '../../../plan42/admin-objects.ts';

export interface WantedEnvironment {
  image: string;
  repos: readonly string[];
  envVars: readonly EnvVar[];
}

/** The ID of an environment that is just as wanted: one that there is already, or else a new one. */
export async function ensureEnvironment(client: AdminClient, wanted: WantedEnvironment): Promise<string> {
  const existing = (await client.listEnvironments()).find((environment) => isAsWanted(environment, wanted));
  if (existing !== undefined) return existing.EnvironmentId;
  const created = await client.createEnvironment(randomUUID(), {
    Name: wanted.image,
    Description: 'Made by "plan42 server task create".',
    DockerImage: wanted.image,
    Repos: wanted.repos,
    EnvVars: wanted.envVars,
  });
  return created.EnvironmentId;
}

// One that a person has given a setup script, hosts or a runner of its own is another thing.
function isAsWanted(environment: Environment, { image, repos, envVars }: WantedEnvironment): boolean {
  const { Context, SetupScript, DockerImage, Repos, AllowedHosts, EnvVars, RunnerId } = environment;
  const isPlain = !Context && !SetupScript && !AllowedHosts?.length && (RunnerId ?? 'default') === 'default';
  const variables = (EnvVars ?? []).map(({ Name, Value, IsSecret }) => ({ Name, Value, IsSecret: IsSecret === true }));
  return (
    isPlain && DockerImage === image && isDeepStrictEqual(Repos ?? [], repos) && isDeepStrictEqual(variables, envVars)
  );
}

/**
 * Reads `NAME=VALUE`, or `NAME`, whose value comes from `env` and is secret: it must not be on a command line.
 * @throws UserError
 */
export function parseEnvVar(text: string, env: NodeJS.ProcessEnv): EnvVar {
  const match = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text);
  const [, name, value] = match ?? [];
  if (name === undefined) {
    const remedy = 'Give NAME=VALUE, or NAME to take it from the environment.';
    throw new UserError('a variable given with --env has no valid name', { remedy, exitCode: ExitCode.usage });
  }
  if (value !== undefined) return { Name: name, Value: value, IsSecret: false };
  const secret = env[name];
  if (secret !== undefined) return { Name: name, Value: secret, IsSecret: true };
  throw new UserError(`the environment has no variable ${name}`, {
    remedy: `Set it, or give --env ${name}=VALUE.`,
    exitCode: ExitCode.usage,
  });
}
