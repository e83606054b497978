/** The environment of the next turns of a task: `plan42 run --turn` with `--allow` and `--env`, and with new keys. */
import { adapters } from '../../agent/adapters/find-adapter.ts';
import { UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import type { AdminClient, EnvironmentChanges } from '../../plan42/admin-client.ts';
import type { AdminEnvironment, AdminTask } from '../../plan42/admin-objects.ts';
import type { EnvVar } from '../../plan42/objects.ts';
import { changeVariables } from '../server/environment/write.ts';

export interface NextEnvironment {
  /** Hosts that the agent may reach too. */
  hosts: readonly string[];
  /** Variables to set or to replace. */
  variables: readonly EnvVar[];
  /** The environment of the command, which may have new values of the task's secrets. */
  env: NodeJS.ProcessEnv;
}

/**
 * Changes the environment of a task for its next turns. Each task of `plan42 run` has its own, so no other task changes.
 * @throws UserError if hosts or variables are given, and the environment is not its own
 */
export async function updateEnvironment(client: AdminClient, task: AdminTask, next: NextEnvironment): Promise<void> {
  const { hosts, variables } = next;
  const environment = (await client.listEnvironments()).find(
    ({ EnvironmentId }) => EnvironmentId === task.EnvironmentId,
  );
  if (environment?.Ephemeral !== true) {
    if (hosts.length + variables.length === 0) return;
    const option = hosts.length > 0 ? '--host HOST' : '--env NAME';
    throw new UserError(`task ${task.TaskId.slice(0, 8)} shares its environment with others`, {
      remedy: `Change it there: plan42 server environment set ${printableLine(environment?.Name ?? 'NAME')} ${option}`,
    });
  }
  const given = new Map([...secretsAgain(environment, next.env), ...variables].map((each) => [each.Name, each]));
  const changes: EnvironmentChanges = {
    ...(hosts.length > 0 && { AllowedHosts: [...new Set([...(environment.AllowedHosts ?? []), ...hosts])] }),
    ...(given.size > 0 && { EnvVars: changeVariables(environment, [...given.values()], []) }),
  };
  if (Object.keys(changes).length > 0) await client.updateEnvironment(environment, changes);
}

/** The secrets of a task, and the keys of its agent, as they are set now: a key that was refused can be replaced. */
function secretsAgain({ Name, EnvVars }: AdminEnvironment, env: NodeJS.ProcessEnv): EnvVar[] {
  const secrets = (EnvVars ?? []).filter(({ IsSecret }) => IsSecret === true).map((variable) => variable.Name);
  const keys = adapters.find((adapter) => adapter.name === Name)?.keys ?? [];
  return [...new Set([...secrets, ...keys])].flatMap((name) => {
    const value = env[name];
    return value ? [{ Name: name, Value: value, IsSecret: true }] : [];
  });
}
