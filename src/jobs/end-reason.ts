/** Why a job ended, for people and for programs. */
import { constants } from 'node:os';
import { describeUse, type ReachedLimit } from '../limits/limits.ts';
import type { JobExit } from '../runtimes/runtime.ts';
import { describeTurnEnd, type TurnEnd } from './turn-end.ts';

/** In records and JSON output. New ones may be added. */
export type EndCode =
  | 'exited'
  | 'signal'
  | 'out-of-memory'
  | 'killed'
  | 'limit-reached'
  | 'turn-ended'
  | 'turn-deleted'
  | 'turn-moved'
  | 'pull-failed'
  | 'start-failed'
  | 'not-started'
  | 'wall-opened'
  | 'stopped'
  | 'removed'
  | 'machine-restarted'
  | 'unknown';

export interface EndReason {
  code: EndCode;
  /** A short clause, which can contain text of the engine or of the server. */
  text: string;
}

const turnCodes = { finished: 'turn-ended', deleted: 'turn-deleted', moved: 'turn-moved' } as const;

/** The reason if the job was stopped, or not started, because its turn had ended. */
export function turnEndReason(end: TurnEnd): EndReason {
  return { code: turnCodes[end.reason], text: describeTurnEnd(end) };
}

export const killedReason: EndReason = { code: 'killed', text: 'killed by user' };

/** The reason if the job was stopped at a limit. */
export function limitReason(use: ReachedLimit): EndReason {
  return { code: 'limit-reached', text: `limit reached: ${describeUse(use)}` };
}

/** The reason if the agent, or its container, exited. */
export function exitReason(exit: JobExit): EndReason {
  const { exitCode, stopped, startError, outOfMemory, machineRestarted, unseenBecause } = exit;
  if (stopped !== undefined) return { code: stopped.code ?? 'stopped', text: stopped.reason };
  if (startError !== undefined) return { code: 'start-failed', text: `cannot start: ${startError}` };
  const suffix = exitCode === undefined ? '' : ` (exit code ${exitCode})`;
  if (outOfMemory) return { code: 'out-of-memory', text: `out of memory${suffix}` };
  if (exitCode === undefined) {
    if (machineRestarted) return { code: 'machine-restarted', text: 'the machine restarted' };
    return { code: 'unknown', text: `exit code unknown${unseenBecause ? `: ${unseenBecause}` : ''}` };
  }
  const signal = signalName(exitCode);
  if (signal === undefined) return { code: 'exited', text: `exit code ${exitCode}` };
  return { code: 'signal', text: `${signal}${suffix}${machineRestarted ? ', and the machine restarted' : ''}` };
}

/** The name of the signal after which a shell reports this exit code. */
export function signalName(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}
