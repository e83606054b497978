/** The hosts that the agent of a task may reach: `plan42 run --allow`. */
import { UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import type { AdminClient } from '../../plan42/admin-client.ts';
import type { AdminTask } from '../../plan42/admin-objects.ts';

/** Adds hosts to those of a task, for its next turns. @throws UserError if the environment is not its own */
export async function allowHosts(client: AdminClient, task: AdminTask, hosts: readonly string[]): Promise<void> {
  const environment = (await client.listEnvironments()).find(
    ({ EnvironmentId }) => EnvironmentId === task.EnvironmentId,
  );
  if (environment?.Ephemeral !== true) {
    throw new UserError(`task ${task.TaskId.slice(0, 8)} shares its environment with others`, {
      remedy: `Allow the host there: plan42 server environment set ${printableLine(environment?.Name ?? 'NAME')} --host HOST`,
    });
  }
  const before = environment.AllowedHosts ?? [];
  await client.updateEnvironment(environment, { AllowedHosts: [...new Set([...before, ...hosts])] });
}
