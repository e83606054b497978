import type { Task, Turn } from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';
import type { TurnKey } from './turns.ts';

// Deletes a few milliseconds' worth of entries at a time.
const logBatch = 1000;
// 1 MiB with SQLite's usual pages.
const freedPages = 256;

const isExpired = `(tasks.UpdatedAt < ?1 OR (tasks.Deleted = 1 AND tasks.UpdatedAt < ?2)) AND NOT EXISTS (
  SELECT 1 FROM turns WHERE turns.TenantId = tasks.TenantId AND turns.TaskId = tasks.TaskId
  AND turns.IsOver = 0 AND (turns.AcceptedAt IS NOT NULL OR tasks.Deleted = 0))`;

/**
 * Times as texts. Objects that were last changed before them are removed; an empty text is before everything, so it removes
 * nothing.
 */
export interface RemovalTimes {
  tasks: string;
  deleted: string;
}

/** Finds and removes objects after their retention periods. Each call is one short transaction. */
export class Expired {
  readonly #database: Database;
  readonly #tables: Pick<Tables, 'tasks' | 'turns'>;

  constructor(database: Database, tables: Pick<Tables, 'tasks' | 'turns'>) {
    this.#database = database;
    this.#tables = tables;
  }

  /** Returns the time of the latest change of a task or queue, or undefined without any. */
  latestChange(): string | undefined {
    const sql =
      'SELECT MAX(At) AS At FROM (SELECT MAX(UpdatedAt) AS At FROM tasks UNION ALL SELECT MAX(UpdatedAt) FROM runner_queues)';
    return (this.#database.statement(sql).get()?.['At'] ?? undefined) as string | undefined;
  }

  /** Returns tasks to remove. A task is kept while a turn of it may be running, and while an undeleted one may start. */
  tasks({ tasks, deleted }: RemovalTimes, limit: number): Task[] {
    const latest = tasks > deleted ? tasks : deleted;
    return this.#tables.tasks.select(
      `WHERE tasks.UpdatedAt < ?3 AND ${isExpired} ORDER BY tasks.UpdatedAt LIMIT ?4`,
      tasks,
      deleted,
      latest,
      limit,
    );
  }

  /** Returns finished turns with a log to remove. */
  logs(before: string, limit: number): Turn[] {
    return this.#tables.turns.select('WHERE IsOver = 1 AND LogBytes > 0 AND UpdatedAt < ? LIMIT ?', before, limit);
  }

  turns({ TenantId, TaskId }: Task): Turn[] {
    return this.#tables.turns.select('WHERE TenantId = ? AND TaskId = ?', TenantId, TaskId);
  }

  /** Deletes some log entries, all but the last `keep`. Returns whether there may be more. */
  deleteLogBatch({ TenantId, TaskId, TurnIndex }: TurnKey, keep: 0 | 1): boolean {
    const ofTurn = 'FROM turn_logs WHERE TenantId = ?1 AND TaskId = ?2 AND TurnIndex = ?3';
    const last = `(SELECT MAX(LogIndex) ${ofTurn})`;
    const sql = `DELETE ${ofTurn} AND LogIndex IN (SELECT LogIndex ${ofTurn} ORDER BY LogIndex LIMIT ?4)
      AND (?5 = 0 OR LogIndex < ${last})`;
    return this.#database.statement(sql).run(TenantId, TaskId, TurnIndex, logBatch, keep).changes === logBatch;
  }

  /** Replaces the only log entry that is left by a message. */
  endRemovedLog({ TenantId, TaskId, TurnIndex }: TurnKey, message: string): void {
    const ofTurn = 'WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';
    this.#database.transaction(() => {
      this.#database.statement(`UPDATE turn_logs SET Message = ? ${ofTurn}`).run(message, TenantId, TaskId, TurnIndex);
      this.#database.statement(`UPDATE turns SET LogBytes = 0 ${ofTurn}`).run(TenantId, TaskId, TurnIndex);
    });
  }

  /** Removes a task whose logs are deleted, if it is still expired. Returns whether it was. */
  removeTask({ TenantId, TaskId }: Task, { tasks, deleted }: RemovalTimes): boolean {
    return this.#database.transaction(() => {
      const sql = `SELECT 1 FROM tasks WHERE TenantId = ?3 AND TaskId = ?4 AND ${isExpired}`;
      if (!this.#database.statement(sql).get(tasks, deleted, TenantId, TaskId)) return false;
      this.#database.statement('DELETE FROM turns WHERE TenantId = ? AND TaskId = ?').run(TenantId, TaskId);
      this.#database.statement('DELETE FROM tasks WHERE TenantId = ? AND TaskId = ?').run(TenantId, TaskId);
      return true;
    });
  }

  /** Removes environments without tasks: those that were made for tasks, and deleted ones. Returns their number. */
  removeEnvironments({ ephemeral, deleted }: { ephemeral: string; deleted: string }): number {
    const sql = `DELETE FROM environments
      WHERE ((Ephemeral = 1 AND UpdatedAt < ?) OR (Deleted = 1 AND UpdatedAt < ?)) AND NOT EXISTS (
        SELECT 1 FROM tasks WHERE tasks.TenantId = environments.TenantId
        AND tasks.EnvironmentId = environments.EnvironmentId)`;
    return Number(this.#database.statement(sql).run(ephemeral, deleted).changes);
  }

  /** Removes some files that were last changed before a time and that no task names. Returns their number. */
  removeFiles(before: string, limit: number): number {
    const named = (column: string) => `SELECT tasks.TenantId, value FROM tasks, json_each(${column})
      WHERE FileIDs IS NOT NULL OR NewFileIDs IS NOT NULL`;
    const sql = `DELETE FROM files WHERE (TenantID, FileID) IN (
      SELECT TenantID, FileID FROM files WHERE UpdatedAt < ?1
      AND (TenantID, FileID) NOT IN (${named('FileIDs')} UNION ${named('NewFileIDs')}) LIMIT ?2)`;
    return Number(this.#database.statement(sql).run(before, limit).changes);
  }

  /** Removes deleted workstreams without tasks, with their short names. */
  removeWorkstreams(deleted: string): void {
    const isRemoved = `WHERE Deleted = 1 AND UpdatedAt < ?1 AND NOT EXISTS (SELECT 1 FROM tasks
      WHERE tasks.TenantId = workstreams.TenantId AND tasks.WorkstreamId = workstreams.WorkstreamId)`;
    const names = `DELETE FROM workstream_short_names WHERE (TenantId, WorkstreamID) IN (
      SELECT TenantId, WorkstreamId FROM workstreams ${isRemoved})`;
    this.#database.transaction(() => {
      this.#database.statement(names).run(deleted);
      this.#database.statement(`DELETE FROM workstreams ${isRemoved}`).run(deleted);
    });
  }

  /** Gives some unused pages of the file back to the disk. Returns whether there are more. */
  shrinkFile(): boolean {
    return this.#database.shrink(freedPages);
  }
}
