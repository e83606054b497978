const terminalStatuses = new Set(['Completed', 'Failed', 'Succeeded', 'Done']);

/** Whether a turn with this status is over. Only the first two are written; the others occur in old documents. */
export function isTerminalStatus(status: string | null | undefined): boolean {
  return typeof status === 'string' && terminalStatuses.has(status);
}
