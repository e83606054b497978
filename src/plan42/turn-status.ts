/** A runner sets it while an accepted job waits. */
export const waitingForSlotStatus = 'Waiting for a Free Slot on Local Runner';

const terminalStatuses = new Set(['Completed', 'Failed', 'Succeeded', 'Done']);

/** Returns whether the status is final. Servers write only the first two; the others occur in old documents. */
export function isTerminalStatus(status: string | null | undefined): boolean {
  return typeof status === 'string' && terminalStatuses.has(status);
}

interface TaskStatus {
  State?: string | null | undefined;
  LastTurnIndex?: number | null | undefined;
  LastTurnStatus?: string | null | undefined;
  LastTurnEndedBy?: string | null | undefined;
}

interface TurnStatus {
  TurnIndex: number;
  Status: string;
  EndedBy?: string | null | undefined;
}

/** The state of a task, for people. */
export function taskWord({ State, LastTurnEndedBy }: Pick<TaskStatus, 'State' | 'LastTurnEndedBy'>): string {
  return finalWord(State ?? '', LastTurnEndedBy);
}

/** The status of a turn, for people. Without its task, a turn that a runner has accepted can count as pending. */
export function turnWord({ TurnIndex, Status, EndedBy }: TurnStatus, task?: TaskStatus): string {
  // A runner has it, but its agent has not set a status yet.
  if (Status === 'Pending' && task?.State === 'Executing' && task.LastTurnIndex === TurnIndex) return 'Starting';
  return finalWord(Status, EndedBy);
}

/** The status of the last turn of a task, for people. Undefined if it has none. */
export function lastTurnWord(task: TaskStatus): string | undefined {
  const { LastTurnIndex: TurnIndex, LastTurnStatus: Status, LastTurnEndedBy: EndedBy } = task;
  return typeof TurnIndex === 'number' && typeof Status === 'string'
    ? turnWord({ TurnIndex, Status, EndedBy }, task)
    : undefined;
}

/** A turn that a person ended has not failed. */
function finalWord(status: string, endedBy: string | null | undefined): string {
  return status === 'Failed' && endedBy === 'User' ? 'Cancelled' : status;
}

/** Whether the server has sent a turn to no runner. False if that is unknown. */
export function isUnsent({
  Status,
  Machine,
  Image,
}: {
  Status: string;
  Machine?: string | null | undefined;
  Image?: string | null | undefined;
}): boolean {
  return !Machine && !Image && (Status === 'Pending' || Status.startsWith('Waiting for a runner'));
}
