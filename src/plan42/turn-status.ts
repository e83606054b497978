/** A runner sets it while an accepted job waits. */
export const waitingForSlotStatus = 'Waiting for a Free Slot on Local Runner';

const terminalStatuses = new Set(['Completed', 'Failed', 'Succeeded', 'Done']);

/** Returns whether the status is final. Servers write only the first two; the others occur in old documents. */
export function isTerminalStatus(status: string | null | undefined): boolean {
  return typeof status === 'string' && terminalStatuses.has(status);
}

/** How people read the status of a turn or the state of a task: one that a person ended has not failed. */
export function statusWord(status: string, endedBy: string | null | undefined): string {
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
