import type { Config } from '../../config/schema.ts';
import type { Wall } from '../../wall/wall.ts';
import type { StartOptions } from '../runtime.ts';
import { agentArguments, containerIdFile, instanceLabel } from './client.ts';

const cpuPeriodUs = 100_000;

/** The arguments with which docker and podman start a job. `options` are those that the engine, or the job, needs. */
export function runArguments(
  job: StartOptions,
  options: readonly string[],
  { limits, instanceId, wall }: { limits: Config['jobs']; instanceId: string; wall?: Wall | undefined },
): string[] {
  const memory = `${Math.round(limits.memoryGib * 1024)}m`;
  return [
    'run',
    ...['--name', job.jobId],
    ...['--label', `${instanceLabel}=${instanceId}`],
    ...['--cidfile', containerIdFile(job)],
    '--interactive',
    ...['--pull', job.mayPullAgain ? 'missing' : 'never'],
    ...options,
    // Not --cpus: docker refuses more of them than the machine has.
    ...['--cpu-period', String(cpuPeriodUs), '--cpu-quota', String(Math.round(limits.cpus * cpuPeriodUs))],
    // With the same limit for both together there is no swap: the engines' default would allow as much again.
    ...['--memory', memory, '--memory-swap', memory],
    ...['--pids-limit', String(limits.pids)],
    ...['--cap-drop', 'ALL'],
    ...limits.capabilities.flatMap((name) => ['--cap-add', name]),
    ...(limits.noNewPrivileges ? ['--security-opt', 'no-new-privileges'] : []),
    ...['--entrypoint', wall?.entrypoint ?? limits.entrypoint],
    job.image,
    ...(wall ? [limits.entrypoint] : []),
    ...agentArguments,
    ...(job.agentSwitches ?? []),
  ];
}
