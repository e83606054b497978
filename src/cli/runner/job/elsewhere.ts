import { hostname } from 'node:os';
import { formatJobId, isJobId, parseJobId } from '../../../jobs/job-id.ts';
import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import { isUuid } from '../../../lib/uuid.ts';
import { isTerminalStatus } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import { connectAsRunner } from '../runner-client.ts';
import type { RunnerPaths } from '../runner-paths.ts';

const maxWaitMs = 5000;

/** A job that another machine has, as far as the server knows. */
export interface JobElsewhere {
  jobId: string;
  machine: string;
  isFinished: boolean;
}

/**
 * Asks the server for the machine of a job, given by its ID, or by its task's for the last turn. Undefined if the ID is not
 * complete, or the server does not respond or does not know the machine.
 */
export async function findElsewhere(
  context: CliContext,
  paths: RunnerPaths,
  text: string,
): Promise<JobElsewhere | undefined> {
  const id = text.toLowerCase().replace(/^plan42-/, '');
  const named = isJobId(`plan42-${id}`) ? parseJobId(`plan42-${id}`) : undefined;
  if (!named && !isUuid(id)) return undefined;
  await using resources = new AsyncDisposableStack();
  try {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(maxWaitMs)]);
    const { client, tenantId } = await connectAsRunner(context, paths, resources);
    const taskId = named?.taskId ?? id;
    const turnIndex = named?.turnIndex ?? (await client.getTask(tenantId, taskId, { signal })).LastTurnIndex ?? 1;
    const { Machine, Status } = await client.getTurn({ tenantId, taskId, turnIndex }, { signal });
    if (!Machine) return undefined;
    return { jobId: formatJobId(taskId, turnIndex), machine: Machine, isFinished: isTerminalStatus(Status) };
  } catch {
    // The command fails anyway, with what is known here.
    context.signal.throwIfAborted();
    return undefined;
  }
}

/** The error of a command that needs the job's own machine. */
export function elsewhereError(
  command: 'kill' | 'logs' | 'egress',
  { jobId, machine, isFinished }: JobElsewhere,
): UserError {
  const name = printableLine(machine);
  if (machine === hostname()) {
    return new UserError(`job ${jobId} belongs to another runner on this machine`, {
      remedy: 'Name the state folder of that runner with --state-dir.',
    });
  }
  if (command === 'kill' && isFinished) return new UserError(`job ${jobId} has already finished on ${name}`);
  const cancel = `, or cancel its turn from here: "plan42 server task cancel ${parseJobId(jobId).taskId}"`;
  return new UserError(`job ${jobId} is on ${name}, not on this machine`, {
    remedy: `Run "plan42 runner job ${command} ${jobId}" on ${name}${command === 'kill' ? cancel : ''}.`,
  });
}
