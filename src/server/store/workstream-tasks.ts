import type { Task, Workstream } from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

type WorkstreamKey = Pick<Workstream, 'TenantId' | 'WorkstreamId'>;
type TaskKey = Pick<Task, 'TenantId' | 'TaskId'>;

// More than this would never start together.
const maxNext = 500;

/** The order of tasks in workstreams. */
export class WorkstreamTasks {
  readonly #database: Database;
  readonly #tables: Pick<Tables, 'rankedTasks' | 'tasks' | 'workstreams'>;

  constructor(database: Database, tables: Pick<Tables, 'rankedTasks' | 'tasks' | 'workstreams'>) {
    this.#database = database;
    this.#tables = tables;
  }

  /** Returns the rank of a task, or undefined if it is not in the workstream. */
  rankOf({ TenantId, WorkstreamId }: WorkstreamKey, taskId: string): number | undefined {
    const task = this.#tables.rankedTasks.find({ TenantId, TaskId: taskId });
    return task?.WorkstreamId === WorkstreamId ? task.Rank : undefined;
  }

  /** Returns a rank after all tasks of the workstream. */
  lastRank({ TenantId, WorkstreamId }: WorkstreamKey): number {
    const sql = 'SELECT COALESCE(MAX(Rank), 0) + 1 AS Rank FROM tasks WHERE TenantId = ? AND WorkstreamId = ?';
    return Number(this.#database.statement(sql).get(TenantId, WorkstreamId)?.['Rank']);
  }

  /** Gives a task a rank; the tasks from there on follow it. */
  insertAt({ TenantId, WorkstreamId }: WorkstreamKey, { TaskId }: TaskKey, rank: number): void {
    const move = 'UPDATE tasks SET Rank = Rank + 1 WHERE TenantId = ? AND WorkstreamId = ? AND Rank >= ?';
    this.#database.statement(move).run(TenantId, WorkstreamId, rank);
    const set = 'UPDATE tasks SET Rank = ? WHERE TenantId = ? AND TaskId = ?';
    this.#database.statement(set).run(rank, TenantId, TaskId);
  }

  /** Records that a task, which is in another workstream now, has its turns with it. */
  moveTurns({ TenantId, TaskId, WorkstreamId }: Task): void {
    const sql = 'UPDATE turns SET WorkstreamId = ? WHERE TenantId = ? AND TaskId = ?';
    this.#database.statement(sql).run(WorkstreamId ?? null, TenantId, TaskId);
  }

  /** Returns the workstreams whose tasks may start. */
  running(): Workstream[] {
    return this.#tables.workstreams.select('WHERE Paused = 0 AND Deleted = 0');
  }

  /** Returns the first tasks that are not completed, in the workstream's order. */
  open({ TenantId, WorkstreamId }: WorkstreamKey): Task[] {
    return this.#tables.tasks.select(
      `WHERE TenantId = ? AND WorkstreamId = ? AND Deleted = 0 AND State <> 'Completed' ORDER BY Rank, TaskId LIMIT ?`,
      TenantId,
      WorkstreamId,
      maxNext,
    );
  }
}
