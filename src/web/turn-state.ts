import type { PageTurn } from '../plan42/page-objects.ts';
import { isTerminalStatus, waitingForSlotStatus } from '../plan42/turn-status.ts';

/** Whether the turn waits for a runner or a slot, so no agent works on it. */
export function isWaiting(status: string): boolean {
  return status === 'Pending' || status === waitingForSlotStatus || status.startsWith('Waiting for a runner');
}

/** Returns how long a turn waited for its runner and how long it has been running since, in milliseconds. */
export function timesOf(
  { CreatedAt, AcceptedAt, CompletedAt, Status }: Pick<PageTurn, 'CreatedAt' | 'AcceptedAt' | 'CompletedAt' | 'Status'>,
  now: Date,
): { waitedMs: number; ranMs: number | undefined } {
  const end = CompletedAt && isTerminalStatus(Status) ? Date.parse(CompletedAt) : now.getTime();
  const start = AcceptedAt === undefined ? undefined : Date.parse(AcceptedAt);
  const waitedMs = Math.max(0, (start ?? end) - Date.parse(CreatedAt));
  return { waitedMs, ranMs: start === undefined ? undefined : Math.max(0, end - start) };
}
