import { constants } from 'node:os';
import type { JobExit } from '../runtimes/runtime.ts';
import type { JobRecord } from './record.ts';

/** What the person who reads the turn is told when the agent itself has not finished it. */
export function describeExit(record: JobRecord, exit: JobExit, hostName: string): string {
  const reason = reasonOf(record, exit);
  return `${reason} Its log is on ${hostName}: plan42 runner job logs ${record.jobId}`;
}

function reasonOf(record: JobRecord, exit: JobExit): string {
  if (record.killed) return 'The agent was killed by user.';
  if (exit.startError !== undefined)
    return `The agent in the image ${record.image} could not be started: ${exit.startError}.`;
  if (exit.outOfMemory)
    return 'The agent ran out of memory: it was killed for using more than the job may have (out of memory).';
  if (exit.exitCode === undefined)
    return 'The agent is gone and nobody saw it end: it was killed, or the machine restarted.';
  const signal = signalName(exit.exitCode);
  if (signal !== undefined)
    return `The agent was ended by ${signal} (exit code ${exit.exitCode}) before it finished its turn.`;
  return `The agent ended with exit code ${exit.exitCode} without finishing its turn.`;
}

function signalName(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}
