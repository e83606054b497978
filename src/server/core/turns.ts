/** The life cycle of turns. All changes are made here, so that the task follows the turn and listeners get an event. */

import type { Clock } from '../../lib/clock.ts';
import type { Task, TaskState, Turn, TurnEnder } from '../../plan42/objects.ts';
import { isTerminalStatus, waitingForSlotStatus } from '../../plan42/turn-status.ts';
import type { Store } from '../store/store.ts';
import type { TurnKey } from '../store/turns.ts';
import type { Events } from './events.ts';
import { requireFit, requireTurnRoom } from './quotas.ts';
import { isoTime } from './time.ts';
import { firstVersion, withChanges } from './versioned.ts';

export interface TurnDeps {
  store: Pick<Store, 'tasks' | 'turns' | 'turnAcceptance' | 'turnLogs' | 'touchTurn' | 'transaction'>;
  clock: Clock;
  events: Events;
}

export const pendingStatus = 'Pending';

type NewTurn = Pick<Turn, 'Prompt' | 'ReasoningLevel'>;

/** Adds the next turn of a task, which the scheduler sends to a runner. Without a reasoning level it has the task's. The caller has checked the task's state. */
export function addTurn({ store, clock, events }: TurnDeps, task: Task, fields: NewTurn): Turn {
  const turn: Turn = {
    ...fields,
    ReasoningLevel: fields.ReasoningLevel ?? task.ReasoningLevel,
    TenantId: task.TenantId,
    WorkstreamId: task.WorkstreamId,
    TaskId: task.TaskId,
    TurnIndex: (task.LastTurnIndex ?? 0) + 1,
    CommitInfo: null,
    Status: pendingStatus,
    ...firstVersion(clock),
  };
  requireTurnRoom(turn);
  requireFit(store.turns, turn);
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
    | 'PreviousResponseID'
    | 'CommitInfo'
    | 'ReasoningLevel'
    | 'Status'
    | 'OutputMessage'
    | 'ErrorMessage'
    | 'CompletedAt'
    | 'EndedBy'
  >
>;

/** Writes the next version of an unfinished turn, and updates its task. @throws DomainError `tooLarge` */
export function changeTurn(deps: TurnDeps, turn: Turn, changes: TurnChange): Turn {
  const { store, clock, events } = deps;
  if (Object.keys(changes).length === 0) return touchTurn(deps, turn);
  const now = isoTime(clock.date());
  const changed = { ...withChanges(turn, changes), UpdatedAt: now, Version: turn.Version + 1 };
  if (isTerminalStatus(changed.Status)) {
    changed.CompletedAt ??= now;
    changed.EndedBy ??= 'Server' satisfies TurnEnder;
  }
  requireFit(store.turns, changed, turn);
  store.transaction(() => {
    store.turns.update(changed);
    updateTask(deps, changed);
  });
  events.emit('turnChanged', changed);
  if (changed.WorkstreamId !== undefined && isTerminalStatus(changed.Status)) events.emit('workstreamsChanged');
  return changed;
}

/** Writes the next version of an unfinished turn without other changes: a heartbeat, or a new part of its log. */
function touchTurn({ store, clock, events }: TurnDeps, turn: Turn): Turn {
  const touched = { ...turn, UpdatedAt: isoTime(clock.date()), Version: turn.Version + 1 };
  store.touchTurn(touched);
  events.emit('turnChanged', touched);
  return touched;
}

/** Fails a turn without an agent that could report its status. */
export function failTurn(deps: TurnDeps, turn: Turn, message: string): Turn {
  return changeTurn(deps, turn, { Status: 'Failed', ErrorMessage: message });
}

/** Where a turn was sent. */
export interface TurnPlace {
  image: string;
  machine?: { name: string; instanceId: string } | undefined;
}

/**
 * Records where the turn is sent, with its machine if that is known, or nothing if it has to be sent again. The version
 * stays, as in {@link acceptTurn}.
 */
export function placeTurn(deps: TurnDeps, turn: Turn, place?: TurnPlace): Turn {
  const { image, machine } = place ?? {};
  const placed = { ...turn, Machine: machine?.name, InstanceId: machine?.instanceId, Image: image || undefined };
  const names = ['Machine', 'InstanceId', 'Image'] as const;
  if (names.every((name) => placed[name] === turn[name])) return turn;
  deps.store.transaction(() => {
    deps.store.turns.update(placed);
    updateTask(deps, placed);
  });
  // The machine that had the turn before must stop its job.
  deps.events.emit('turnChanged', placed);
  return placed;
}

/** Records that a runner has the turn. The version stays, because the runner may be updating the one that it was sent. */
export function acceptTurn(deps: TurnDeps, key: TurnKey): void {
  const { store, clock } = deps;
  store.transaction(() => {
    if (!store.turnAcceptance.accept(key, isoTime(clock.date()))) return;
    const turn = store.turns.find(key);
    if (turn) updateTask(deps, turn);
  });
}

function updateTask({ store }: TurnDeps, turn: Turn): void {
  const task = store.tasks.find(turn);
  if (!task || task.LastTurnIndex !== turn.TurnIndex) return;
  const next = taskAfter(task, turn, store.turnAcceptance.isAccepted(turn));
  const isSame =
    next.State === task.State &&
    next.LastTurnStatus === task.LastTurnStatus &&
    next.LastTurnMachine === task.LastTurnMachine &&
    next.LastTurnEndedBy === task.LastTurnEndedBy;
  if (!isSame) store.tasks.update(next);
}

/**
 * Returns the task updated from its last turn. Its version stays, because agents get the task once, when the turn starts,
 * and must be able to update it at the end.
 */
function taskAfter(task: Task, turn: Turn, isAccepted: boolean): Task {
  return {
    ...task,
    State: taskState(task, turn, isAccepted),
    LastTurnStatus: turn.Status,
    LastTurnIndex: turn.TurnIndex,
    LastTurnMachine: turn.Machine,
    LastTurnEndedBy: turn.EndedBy,
    UpdatedAt: turn.UpdatedAt,
  };
}

function taskState({ RepoInfo }: Task, { Status }: Turn, isAccepted: boolean): TaskState {
  if (Status === 'Failed') return 'Failed';
  if (!isTerminalStatus(Status)) return isAccepted && Status !== waitingForSlotStatus ? 'Executing' : 'Pending';
  const hasPullRequest = Object.values(RepoInfo).some(({ PRLink, PRNumber }) => PRLink || PRNumber);
  return hasPullRequest ? 'Awaiting Code Review' : 'Completed';
}
