/** What happens to turns. Every change goes through here, so that the task follows and those who watch are told. */
import { isTerminalStatus } from '../../plan42/objects/turn-status.ts';
import type { Store } from '../store/store.ts';
import type { Task, TaskState } from '../store/tasks.ts';
import type { Turn, TurnKey } from '../store/turns.ts';
import type { Events } from './events.ts';
import { type Clock, isoTime } from './time.ts';
import { firstVersion } from './versioned.ts';

export interface TurnParts {
  store: Pick<Store, 'tasks' | 'turns' | 'turnAcceptance' | 'turnLogs' | 'transaction'>;
  clock: Clock;
  events: Events;
}

export const pendingStatus = 'Pending';

/** Adds the turn after the last one, to be sent to a runner. The caller has checked that the task can take it. */
export function addTurn({ store, clock, events }: TurnParts, task: Task, prompt: string): Turn {
  const turn: Turn = {
    TenantId: task.TenantId,
    WorkstreamId: task.WorkstreamId,
    TaskId: task.TaskId,
    TurnIndex: (task.LastTurnIndex ?? 0) + 1,
    Prompt: prompt,
    CommitInfo: null,
    Status: pendingStatus,
    ...firstVersion(clock),
  };
  store.transaction(() => {
    store.turns.insert(turn);
    store.tasks.update(taskAfter(task, turn, false));
  });
  events.emit('turnAdded', turn);
  return turn;
}

export type TurnChange = Partial<
  Pick<
    Turn,
    'PreviousResponseID' | 'CommitInfo' | 'WorkstreamId' | 'Status' | 'OutputMessage' | 'ErrorMessage' | 'CompletedAt'
  >
>;

/** Writes the next version of a turn that is not over, and what its task shows of it. */
export function changeTurn(parts: TurnParts, turn: Turn, changes: TurnChange): Turn {
  const { store, clock, events } = parts;
  const now = isoTime(clock());
  const changed = { ...turn, ...changes, UpdatedAt: now, Version: turn.Version + 1 };
  if (isTerminalStatus(changed.Status)) changed.CompletedAt ??= now;
  store.transaction(() => {
    store.turns.update(changed);
    updateTask(parts, changed);
  });
  events.emit('turnChanged', changed);
  return changed;
}

/** Ends a turn that no agent will end. */
export function failTurn(parts: TurnParts, turn: Turn, message: string): Turn {
  return changeTurn(parts, turn, { Status: 'Failed', ErrorMessage: message });
}

/** Records that a runner has the turn. No new version: the runner that was sent this one may be writing already. */
export function acceptTurn(parts: TurnParts, key: TurnKey): void {
  const { store, clock } = parts;
  store.transaction(() => {
    if (!store.turnAcceptance.accept(key, isoTime(clock()))) return;
    const turn = store.turns.find(key);
    if (turn) updateTask(parts, turn);
  });
}

function updateTask({ store }: TurnParts, turn: Turn): void {
  const task = store.tasks.find(turn);
  if (!task || task.LastTurnIndex !== turn.TurnIndex) return;
  const next = taskAfter(task, turn, store.turnAcceptance.isAccepted(turn));
  if (next.State !== task.State || next.LastTurnStatus !== task.LastTurnStatus) store.tasks.update(next);
}

/**
 * The task as it follows from its last turn. Its version stays: agents get the task once, as it was when the turn
 * began, and must be able to update it at the end.
 */
function taskAfter(task: Task, turn: Turn, isAccepted: boolean): Task {
  return {
    ...task,
    State: stateOf(task, turn, isAccepted),
    LastTurnStatus: turn.Status,
    LastTurnIndex: turn.TurnIndex,
    UpdatedAt: turn.UpdatedAt,
  };
}

function stateOf({ RepoInfo }: Task, { Status }: Turn, isAccepted: boolean): TaskState {
  if (Status === 'Failed') return 'Failed';
  if (!isTerminalStatus(Status)) return isAccepted ? 'Executing' : 'Pending';
  const hasPullRequest = Object.values(RepoInfo).some(({ PRLink, PRNumber }) => PRLink || PRNumber);
  return hasPullRequest ? 'Awaiting Code Review' : 'Completed';
}
