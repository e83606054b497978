/** Changes the hosts that the agent of a task may reach: `plan42 run --turn ID --allow HOST`. */
import { adapters } from '../../agent/adapters/find-adapter.ts';
import { UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import type { AdminClient } from '../../plan42/admin-client.ts';
import type { AdminTask } from '../../plan42/admin-objects.ts';
import type { LocalRepository } from './git/local-repository.ts';
import { hostsOfNetwork } from './network.ts';
import type { RunNetwork } from './network-names.ts';

interface NetworkChange {
  repository: LocalRepository;
  /** Hosts that it may reach in addition. */
  allow: readonly string[];
  /** Replaces what it may reach. */
  network: RunNetwork | undefined;
}

/** Changes what the next turns of a task may reach. @throws UserError if the environment is not its own */
export async function changeNetwork(
  client: AdminClient,
  task: AdminTask,
  { repository, allow, network }: NetworkChange,
): Promise<void> {
  const environment = (await client.listEnvironments()).find(
    ({ EnvironmentId }) => EnvironmentId === task.EnvironmentId,
  );
  if (environment?.Ephemeral !== true) {
    throw new UserError(`task ${task.TaskId.slice(0, 8)} shares its environment with others`, {
      remedy: `Allow the host there: plan42 server environment set ${printableLine(environment?.Name ?? 'NAME')} --host HOST`,
    });
  }
  const agentHosts = adapters.find(({ name }) => name === environment.Name)?.hosts ?? [];
  const before =
    network === undefined
      ? (environment.AllowedHosts ?? [])
      : ((await hostsOfNetwork(network, { agentHosts, repository })) ?? []);
  await client.updateEnvironment(environment, { AllowedHosts: [...new Set([...before, ...allow])] });
}
