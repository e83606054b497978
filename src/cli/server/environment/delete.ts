import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminEnvironment } from '../../../plan42/admin-objects.ts';
import { isTerminalStatus } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { findEnvironment } from './find.ts';

export interface DeleteEnvironmentOptions extends LocationOptions {
  force?: boolean;
}

/** Deletes environments, or none if one of them is not found or in use. */
export async function deleteEnvironments(
  context: CliContext,
  names: readonly string[],
  options: DeleteEnvironmentOptions,
): Promise<void> {
  await callServer(context, options, async ({ client }) => {
    const environments = new Map<string, AdminEnvironment>();
    for (const name of names) {
      const environment = await findEnvironment(client, name);
      environments.set(environment.EnvironmentId, environment);
    }
    if (!options.force) {
      const tasks = await client.listTasks();
      const user = tasks.find(
        ({ EnvironmentId, LastTurnStatus }) =>
          environments.has(EnvironmentId ?? '') && !isTerminalStatus(LastTurnStatus),
      );
      if (user !== undefined) {
        const remedy = 'Wait for it, or add --force: turns that wait then fail. No environment was deleted.';
        throw new UserError(`task ${user.TaskId} uses the environment and is not finished`, { remedy });
      }
    }
    for (const environment of environments.values()) {
      await client.deleteEnvironment(environment);
      context.stderr.write(`Environment ${printableLine(environment.Name || environment.EnvironmentId)} deleted.\n`);
    }
  });
}
