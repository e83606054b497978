import { randomUUID } from 'node:crypto';
import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import { isAsWanted, madeFor, type WantedEnvironment } from '../../../plan42/task-input.ts';

/**
 * Returns the environment for tasks with an image: the one that a user made for it, or one with exactly these properties,
 * which is created if it does not exist.
 * @throws UserError if users made several for the image
 */
export async function ensureEnvironment(
  client: AdminClient,
  wanted: WantedEnvironment,
  report: (line: string) => void,
): Promise<string> {
  const environments = await client.listEnvironments();
  const [made, another] = madeFor(environments, wanted);
  if (made && another) {
    const names = madeFor(environments, wanted).map(({ Name, EnvironmentId }) => printableLine(Name || EnvironmentId));
    const remedy = `Choose one with --environment: ${names.join(', ')}.`;
    throw new UserError(`${names.length} environments have the image ${wanted.image}`, { remedy });
  }
  if (made) {
    report(`Using the environment ${printableLine(made.Name || made.EnvironmentId)}, which has this image.\n`);
    return made.EnvironmentId;
  }
  const existing = environments.find((environment) => isAsWanted(environment, wanted));
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
