import type { Task } from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

/** Returns the number of the tenant's tasks in each state that occurs. */
export function countTasks(database: Database, tenantId: string): Record<string, number> {
  const sql = 'SELECT State, COUNT(*) AS Count FROM tasks WHERE TenantId = ? AND Deleted = 0 GROUP BY State';
  const rows = database.statement(sql).all(tenantId);
  return Object.fromEntries(rows.map(({ State, Count }) => [State, Count]));
}

/** Returns the tenant's tasks that match all given IDs. */
export function searchTasks(
  tasks: Tables['tasks'],
  tenantId: string,
  { taskId, pullRequestId }: { taskId: string | undefined; pullRequestId: string | undefined },
): Task[] {
  return tasks.select(
    `WHERE TenantId = ?1 AND Deleted = 0 AND (?2 IS NULL OR TaskId = ?2) AND (?3 IS NULL OR EXISTS (
       SELECT 1 FROM json_each(tasks.RepoInfo) AS repo WHERE json_extract(repo.value, '$.PRID') = ?3))
     ORDER BY CreatedAt, TaskId LIMIT 500`,
    tenantId,
    taskId ?? null,
    pullRequestId ?? null,
  );
}
