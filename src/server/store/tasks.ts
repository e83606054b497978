import type { Task } from '../../plan42/objects.ts';
import { type Columns, flag, integer, json, nullable, omitted, text, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

const columns: Columns<Task> = {
  TenantId: text,
  TaskId: text,
  Title: text,
  Prompt: text,
  WorkstreamId: omitted(text),
  TaskNumber: omitted(integer),
  EnvironmentId: nullable(text),
  Model: nullable(text),
  Parallel: flag,
  AssignedToAI: flag,
  AssignedToTenantId: omitted(text),
  RepoInfo: json(),
  State: text,
  LastTurnStatus: omitted(text),
  LastTurnIndex: omitted(integer),
  Deleted: flag,
  ...versioned,
};

export function tasksTable(database: Database) {
  return new Table(database, {
    type: 'Task',
    name: 'tasks',
    columns,
    key: ['TenantId', 'TaskId'],
    order: ['CreatedAt', 'TaskId'],
  });
}

/** Returns the number of the tenant's tasks in each state that occurs. */
export function countTasks(database: Database, tenantId: string): Record<string, number> {
  const sql = 'SELECT State, COUNT(*) AS Count FROM tasks WHERE TenantId = ? AND Deleted = 0 GROUP BY State';
  const rows = database.statement(sql).all(tenantId);
  return Object.fromEntries(rows.map(({ State, Count }) => [State, Count]));
}

/** Returns the tenant's tasks that match all given IDs. */
export function searchTasks(
  tasks: ReturnType<typeof tasksTable>,
  {
    tenantId,
    taskId,
    pullRequestId,
  }: { tenantId: string; taskId?: string | undefined; pullRequestId?: string | undefined },
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
