import type { TaskActivity, TurnSummary } from '../../plan42/page-objects.ts';
import { waitingForSlotStatus } from '../../plan42/turn-status.ts';
import type { Database } from './database.ts';

const columns = `turns.TaskId, Title, TurnIndex, turns.Status, Machine, Image, AcceptedAt, turns.CreatedAt, CompletedAt,
  substr(ErrorMessage, 1, 300) AS ErrorMessage`;
const ofTenant = 'FROM turns JOIN tasks USING (TenantId, TaskId) WHERE TenantId = ?1 AND Deleted = 0';
const isActive = `${ofTenant} AND IsOver = 0`;
const isRunning = 'AcceptedAt IS NOT NULL AND Status <> ?2';
// A turn that a user cancelled is no failure.
const hasFailed = `${ofTenant} AND turns.Status = 'Failed' AND turns.UpdatedAt >= ?2 AND EndedBy IS NOT 'User'`;

/** Returns which turns of a tenant run, wait, and have failed since a time. Only the first `max` of each are listed. */
export function taskActivity(database: Database, tenantId: string, failedSince: string, max: number): TaskActivity {
  const list = (tail: string, value: string): TurnSummary[] =>
    database
      .statement(`SELECT ${columns} ${tail} LIMIT ?3`)
      .all(tenantId, value, max)
      .map(
        (row) => Object.fromEntries(Object.entries(row).filter(([, each]) => each !== null)) as unknown as TurnSummary,
      );
  const count = (tail: string, value: string): number =>
    Number(database.statement(`SELECT COUNT(*) AS Count ${tail}`).get(tenantId, value)?.['Count']);
  const running = `${isActive} AND ${isRunning}`;
  const waiting = `${isActive} AND NOT (${isRunning})`;
  const order = 'ORDER BY turns.CreatedAt, turns.TaskId, TurnIndex';
  return {
    Running: list(`${running} ${order}`, waitingForSlotStatus),
    Waiting: list(`${waiting} ${order}`, waitingForSlotStatus),
    Failed: list(`${hasFailed} ORDER BY turns.UpdatedAt DESC`, failedSince),
    Counts: {
      Running: count(running, waitingForSlotStatus),
      Waiting: count(waiting, waitingForSlotStatus),
      Failed: count(hasFailed, failedSince),
    },
  };
}
