/** The call by which a runner learns which of the turns of its jobs have ended. */
import * as v from 'valibot';
import { integer, knownFields } from './fields.ts';

/** The maximum number of turns in one call. */
export const maxWatchedTurns = 500;
export const maxEndedTurnsWaitMs = 120_000;

export const WatchedTurnKey = knownFields({ TaskId: v.string(), TurnIndex: integer });

/** `Finished`: it has a final status. `Deleted`: its task was deleted. `Moved`: another machine has it. */
export const EndedTurn = knownFields({
  TaskId: v.string(),
  TurnIndex: integer,
  Reason: v.picklist(['Finished', 'Deleted', 'Moved']),
  Status: v.nullish(v.string()),
  ErrorMessage: v.nullish(v.string()),
  EndedBy: v.nullish(v.string()),
  Machine: v.nullish(v.string()),
});
export type EndedTurn = v.InferOutput<typeof EndedTurn>;

export const EndedTurns = knownFields({ Items: v.array(EndedTurn) });
