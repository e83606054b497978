/** The hosts that the agent of a task may reach: `plan42 run --allow`. */
import { InvalidEntry, parseEntry } from '../../gateway/entries.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import type { AdminClient } from '../../plan42/admin-client.ts';
import type { AdminTask } from '../../plan42/admin-objects.ts';

/** @throws UserError if it is neither a host nor a preset */
export function requireHost(text: string): void {
  const reject = (why: string) =>
    new UserError(`cannot allow ${JSON.stringify(text)}: it ${why}`, {
      remedy: 'Give a host, such as docs.example.com or *.example.com:8443, or a preset, such as npm.',
      exitCode: ExitCode.usage,
    });
  try {
    if (parseEntry(text).some(({ kind }) => kind === 'address'))
      throw reject('is an address, which only egress.allowed in the configuration of the runner may name');
  } catch (error) {
    throw error instanceof InvalidEntry ? reject(error.message) : error;
  }
}

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
