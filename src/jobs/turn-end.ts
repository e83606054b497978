/** How a turn ends on the server while its job is still here, and what that means for the job. */
import type { PartialTurn } from '../plan42/runner-objects.ts';

/** Why the server no longer needs the job. */
export type TurnEnd =
  | {
      reason: 'finished';
      status?: string | undefined;
      /** The turn's error message. */
      message?: string | undefined;
      /** A `TurnEnder`; other servers do not say who ended a turn. */
      endedBy?: string | undefined;
    }
  | { reason: 'deleted' }
  /** The server gave the turn to another machine because this one was silent for long. */
  | { reason: 'moved'; machine?: string | undefined };

/** The end of a finished turn, as far as the server describes the turn. */
export function finishedEnd(turn: Pick<PartialTurn, 'Status' | 'ErrorMessage' | 'EndedBy'> = {}): TurnEnd {
  return {
    reason: 'finished',
    status: turn.Status ?? undefined,
    message: turn.ErrorMessage ?? undefined,
    endedBy: turn.EndedBy ?? undefined,
  };
}

/** The reason with which `TurnUpdates.ended` is aborted. */
export class TurnEnded extends Error {
  override readonly name = 'TurnEnded';
  readonly end: TurnEnd;

  constructor(end: TurnEnd) {
    super(describeTurnEnd(end));
    this.end = end;
  }
}

/** How long an agent may run on after its turn has ended. */
export interface ExitGrace {
  /** An agent that finished its turn itself may clean up. */
  ownMs: number;
  /** It is unknown who failed the turn: the agent may be about to exit. */
  unknownMs: number;
}

export const exitGrace: ExitGrace = { ownMs: 5 * 60_000, unknownMs: 15_000 };

/** Returns how long the agent may run on. */
export function graceAfter(end: TurnEnd, grace: ExitGrace): number {
  if (end.reason !== 'finished') return 0;
  // A success is no reason to stop an agent, even if a client reported it.
  if (end.status !== undefined && end.status !== 'Failed') return grace.ownMs;
  if (end.endedBy === 'User' || end.endedBy === 'Server') return 0;
  return end.status === 'Failed' && end.endedBy === undefined ? grace.unknownMs : grace.ownMs;
}

/** For people, as a short clause. */
export function describeTurnEnd(end: TurnEnd): string {
  if (end.reason === 'deleted') return 'the task was deleted on the server';
  if (end.reason === 'moved') return `the server gave the turn to ${end.machine ?? 'another machine'}`;
  const message = end.message === undefined || end.message === '' ? '' : `: ${end.message}`;
  return `the turn has ended on the server (${end.status ?? 'finished'})${message}`;
}
