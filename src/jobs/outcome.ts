import { constants } from 'node:os';
import { describeRefused } from '../gateway/refused.ts';
import { type Report, refusedHosts } from '../gateway/report.ts';
import { environmentFailure, failureRemedy, isOutOfInodes } from '../lib/environment-failure.ts';
import { formatError, UserError } from '../lib/errors.ts';
import { trimEnd } from '../lib/trim-end.ts';
import { describeUse, type ReachedLimit } from '../limits/limits.ts';
import type { JobExit } from '../runtimes/runtime.ts';
import type { Unreachable } from './agent-server.ts';
import { signalName } from './end-reason.ts';
import type { JobRecord } from './record.ts';
import { describeTurnEnd, type TurnEnd } from './turn-end.ts';

interface ExitContext {
  /** The command with which the one for the log is run in the runner's place, and a space; or empty. */
  commandPrefix?: string;
  stateDirOption?: string;
  unreachable?: Unreachable | undefined;
  /** Undefined if the job had no wall. */
  egress?: Report | undefined;
  /** The limit at which it was stopped. */
  reached?: ReachedLimit | undefined;
}

/**
 * The turn's error message if the agent did not finish the turn. `stateDirOption` is the option with which the command finds this
 * runner (`--state-dir … `), or empty. `unreachable` is why agents cannot call the server, if they cannot.
 */
export function describeExit(
  record: JobRecord,
  exit: JobExit,
  hostName: string,
  { commandPrefix = '', stateDirOption = '', unreachable, egress, reached }: ExitContext = {},
): string {
  const reason = reached && !record.killed ? describeReached(reached) : explainExit(record, exit, unreachable);
  // They may be why the agent failed.
  const refused = exit.startError === undefined && !record.killed ? refusedHosts(egress) : [];
  return `${reason}${describeRefused(refused)} Its log is on ${hostName}: ${commandPrefix}plan42 runner job logs ${stateDirOption}${record.jobId}`;
}

/** The last line of the job's log if the agent was stopped or is gone, for a runtime that writes none. */
export function describeExitInLog(
  { stopped, unseenBecause, reached: held }: JobExit,
  reached: ReachedLimit | undefined,
  wrapUpMs: number,
): string | undefined {
  // Others write it when the limit is reached.
  if (reached !== undefined && held?.limit !== reached.limit) return undefined;
  if (reached !== undefined) {
    const wrapUp = `; SIGTERM at the limit, SIGKILL ${wrapUpMs / 1000} s later`;
    return `plan42: limits: limit reached: ${describeUse(reached)}${reached.limit === 'disk_gib' ? '' : wrapUp}`;
  }
  if (stopped !== undefined) return `[plan42: agent stopped: ${stopped.reason}]`;
  return unseenBecause && `[plan42: agent is gone: ${unseenBecause}]`;
}

/** The turn's error message for a job that could not be started. */
export function describeFailure(error: unknown, hostName: string): string {
  const failure = environmentFailure(error);
  if (failure?.kind === 'diskFull') {
    const isInodes = failure.path !== undefined && isOutOfInodes(failure.path);
    const missing = isInodes ? 'there are no inodes left' : 'there is no space left';
    return `The agent was not started: on ${hostName} ${missing} for the job’s files.`;
  }
  const reason = `${trimEnd(formatError(error), '.')}.`;
  if (error instanceof UserError) return error.remedy ? `On ${hostName}: ${reason} ${error.remedy}` : reason;
  return failure === undefined ? reason : `On ${hostName}: ${reason} ${failureRemedy(failure)}`;
}

/** The turn's error message for a job that was stopped because its turn ended. Only a deleted task's turn still takes it. */
export function describeStop(end: TurnEnd): string {
  const text = describeTurnEnd(end);
  return `The agent was stopped: ${text}.`;
}

function describeReached(use: ReachedLimit): string {
  return `The agent was stopped at a limit: ${describeUse(use)}.`;
}

function explainExit(record: JobRecord, exit: JobExit, unreachable: Unreachable | undefined): string {
  if (record.killed) return 'The agent was killed by user.';
  if (exit.stopped !== undefined)
    return `The agent was stopped: ${exit.stopped.reason}.${exit.stopped.remedy ? ` ${exit.stopped.remedy}` : ''}`;
  if (exit.startError !== undefined)
    return `The agent in the image ${record.image} could not be started: ${exit.startError}.${exit.startRemedy ? ` ${exit.startRemedy}` : ''}`;
  if (exit.outOfMemory) return outOfMemory(exit.exitCode);
  if (exit.exitCode === undefined) return unknownExit(exit);
  const signal = signalName(exit.exitCode);
  if (signal !== undefined) {
    const restart = exit.machineRestarted ? ', and the machine restarted' : '';
    return `The agent was terminated by ${signal} (exit code ${exit.exitCode}) before it finished its turn${restart}.`;
  }
  const cause =
    unreachable === undefined ? '' : ` It cannot reach the server: ${unreachable.reason}. ${unreachable.remedy}`;
  return `The agent ended with exit code ${exit.exitCode} without finishing its turn.${cause}`;
}

// The kernel kills one process. If that was not the agent's first, the agent may have continued.
function outOfMemory(exitCode: number | undefined): string {
  if (exitCode === undefined || exitCode === 128 + constants.signals.SIGKILL)
    return 'The agent ran out of memory: it was killed because it exceeded the memory limit of the job (out of memory).';
  return `A process of the agent was killed because it exceeded the memory limit of the job (out of memory), and the agent ended with exit code ${exitCode} without finishing its turn.`;
}

function unknownExit({ machineRestarted, unseenBecause, unseenRemedy }: JobExit): string {
  if (machineRestarted) return 'The machine restarted while the agent was running.';
  if (unseenBecause)
    return `The agent is gone and its exit code is unknown: ${unseenBecause}.${unseenRemedy ? ` ${unseenRemedy}` : ''}`;
  const restart = machineRestarted === undefined ? ', or the machine restarted' : '';
  return `The agent is gone and its exit code is unknown: it may have been killed${restart}.`;
}
