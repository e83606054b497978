/** The environment of the next turns of a task: `plan42 run --turn` with `--network`, `--allow` and `--env`, and with new keys. */
import { adapters } from '../../agent/adapters/find-adapter.ts';
import { UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import { trimEnd } from '../../lib/trim-end.ts';
import type { AdminClient, EnvironmentChanges } from '../../plan42/admin-client.ts';
import type { AdminEnvironment, AdminTask } from '../../plan42/admin-objects.ts';
import type { EnvVar } from '../../plan42/objects.ts';
import { changeVariables } from '../server/environment/write.ts';
import type { LocalRepository } from './git/local-repository.ts';
import { hostsOfNetwork } from './network.ts';
import type { RunNetwork } from './network-names.ts';

export interface NextEnvironment {
  /** Hosts that the agent may reach too. */
  hosts: readonly string[];
  /** Replaces what it may reach. */
  network?: RunNetwork | undefined;
  repository: LocalRepository;
  /** Variables to set or to replace. */
  variables: readonly EnvVar[];
  /** The environment of the command, which may have new values of the task's secrets. */
  env: NodeJS.ProcessEnv;
  /** Called with the variables that change, before they do, if the network of the agent is limited. May reject them. */
  checkSecrets: (variables: readonly EnvVar[]) => Promise<void>;
}

/**
 * Changes the environment of a task for its next turns. Each task of `plan42 run` has its own, so no other task changes.
 * @throws UserError if hosts or variables are given, and the environment is not its own
 */
export async function updateEnvironment(client: AdminClient, task: AdminTask, next: NextEnvironment): Promise<void> {
  const { hosts, network, variables } = next;
  const environment = (await client.listEnvironments()).find(
    ({ EnvironmentId }) => EnvironmentId === task.EnvironmentId,
  );
  if (environment?.Ephemeral !== true) {
    const isNetwork = hosts.length > 0 || network !== undefined;
    if (!isNetwork && variables.length === 0) return;
    const option = isNetwork ? '--host HOST' : '--env NAME';
    throw new UserError(`task ${task.TaskId.slice(0, 8)} shares its environment with others`, {
      remedy: `Change it there: plan42 server environment set ${printableLine(environment?.Name ?? 'NAME')} ${option}`,
    });
  }
  const given = new Map([...secretsAgain(environment, next.env), ...variables].map((each) => [each.Name, each]));
  const changes: EnvironmentChanges = {
    ...((hosts.length > 0 || network !== undefined) && { AllowedHosts: await allowedHosts(environment, next) }),
    ...(given.size > 0 && { EnvVars: changeVariables(environment, [...given.values()], []) }),
  };
  const { AllowedHosts: reached = environment.AllowedHosts } = changes;
  if (given.size > 0 && (reached ?? []).length > 0) await next.checkSecrets([...given.values()]);
  if (Object.keys(changes).length > 0) await client.updateEnvironment(environment, changes);
}

async function allowedHosts(
  { Name, AllowedHosts }: AdminEnvironment,
  { hosts, network, repository }: NextEnvironment,
): Promise<string[]> {
  const agentHosts = adapters.find(({ name }) => name === Name)?.hosts ?? [];
  const before = network === undefined ? AllowedHosts : await hostsOfNetwork(network, { agentHosts, repository });
  return [...new Set([...(before ?? []), ...hosts])];
}

/** The secrets of a task, and the keys of its agent, as they are set now: a key that was refused can be replaced. */
function secretsAgain({ Name, EnvVars }: AdminEnvironment, env: NodeJS.ProcessEnv): EnvVar[] {
  const secrets = (EnvVars ?? []).filter(({ IsSecret }) => IsSecret === true).map((variable) => variable.Name);
  const keys = adapters.find((adapter) => adapter.name === Name)?.keys ?? [];
  return [...new Set([...secrets, ...keys])].flatMap((name) => {
    const value = trimEnd(env[name] ?? '', '\r\n');
    return value ? [{ Name: name, Value: value, IsSecret: true }] : [];
  });
}
