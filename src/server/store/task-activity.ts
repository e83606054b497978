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
  const find = (tail: string, order: string, value: string): { turns: TurnSummary[]; count: number } => {
    const rows = database
      .statement(`SELECT ${columns} ${tail} ORDER BY ${order} LIMIT ?3`)
      .all(tenantId, value, max)
      .map((row) => Object.fromEntries(Object.entries(row).filter(([, each]) => each !== null)));
    const turns = rows as unknown as TurnSummary[];
    // A list that is not full has all there are.
    if (turns.length < max) return { turns, count: turns.length };
    const row = database.statement(`SELECT COUNT(*) AS Count ${tail}`).get(tenantId, value);
    return { turns, count: Number(row?.['Count']) };
  };
  const oldest = 'turns.CreatedAt, turns.TaskId, TurnIndex';
  const running = find(`${isActive} AND ${isRunning}`, oldest, waitingForSlotStatus);
  const waiting = find(`${isActive} AND NOT (${isRunning})`, oldest, waitingForSlotStatus);
  const failed = find(hasFailed, 'turns.UpdatedAt DESC', failedSince);
  return {
    Running: running.turns,
    Waiting: waiting.turns,
    Failed: failed.turns,
    Counts: { Running: running.count, Waiting: waiting.count, Failed: failed.count },
  };
}
