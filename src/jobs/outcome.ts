import { constants } from 'node:os';
import { errorCode, formatError } from '../lib/errors.ts';
import type { JobExit } from '../runtimes/runtime.ts';
import type { JobRecord } from './record.ts';

/**
 * What the person who reads the turn is told when the agent itself has not finished it. `placeOption` leads the command to this
 * runner: `--state-dir … `, or nothing.
 */
export function describeExit(record: JobRecord, exit: JobExit, hostName: string, placeOption = ''): string {
  const reason = reasonOf(record, exit);
  return `${reason} Its log is on ${hostName}: plan42 runner job logs ${placeOption}${record.jobId}`;
}

/** The same for a job that could not be started. */
export function describeFailure(error: unknown, hostName: string): string {
  if (['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')) {
    return `The agent was not started: on ${hostName} there is no space left for the job’s files.`;
  }
  return formatError(error).replace(/\.*$/, '.');
}

function reasonOf(record: JobRecord, exit: JobExit): string {
  if (record.killed) return 'The agent was killed by user.';
  if (exit.startError !== undefined)
    return `The agent in the image ${record.image} could not be started: ${exit.startError}.`;
  if (exit.outOfMemory) return outOfMemory(exit.exitCode);
  if (exit.exitCode === undefined) return unseenEnd(exit);
  const signal = signalName(exit.exitCode);
  if (signal !== undefined) {
    const restart = exit.machineRestarted ? ', and the machine restarted' : '';
    return `The agent was ended by ${signal} (exit code ${exit.exitCode}) before it finished its turn${restart}.`;
  }
  return `The agent ended with exit code ${exit.exitCode} without finishing its turn.`;
}

// The kernel kills one process. Where that was not the agent's first, the agent may have gone on.
function outOfMemory(exitCode: number | undefined): string {
  if (exitCode === undefined || exitCode === 128 + constants.signals.SIGKILL)
    return 'The agent ran out of memory: it was killed for using more than the job may have (out of memory).';
  return `A process of the agent was killed for using more memory than the job may have (out of memory), and the agent ended with exit code ${exitCode} without finishing its turn.`;
}

function unseenEnd({ machineRestarted, unseenBecause }: JobExit): string {
  if (machineRestarted) return 'The machine restarted while the agent was running.';
  if (unseenBecause) return `The agent is gone and nobody saw it end: ${unseenBecause}.`;
  const restart = machineRestarted === undefined ? ', or the machine restarted' : '';
  return `The agent is gone and nobody saw it end: perhaps it was killed${restart}.`;
}

function signalName(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}
