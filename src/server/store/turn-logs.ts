import type { Database } from './database.ts';
import type { TurnKey } from './turns.ts';

export interface TurnLog {
  Timestamp: string;
  Message: string;
}

export interface IndexedTurnLog extends TurnLog {
  Index: number;
}

/** Not part of the API. */
export interface TurnLogState {
  bytes: number;
  /** `cut`: it reached its limit. */
  end: 'cut' | undefined;
}

const ofTurn = 'FROM turn_logs WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';
const columns = 'LogIndex AS "Index", Timestamp, Message';

/** The log entries of all turns. */
export class TurnLogs {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Appends entries in one transaction. The first one gets `index`. */
  append({ TenantId, TaskId, TurnIndex }: TurnKey, index: number, logs: readonly TurnLog[]): void {
    const insert = this.#database.statement('INSERT INTO turn_logs VALUES (?, ?, ?, ?, ?, ?)');
    this.#database.transaction(() => {
      logs.forEach((log, i) => {
        insert.run(TenantId, TaskId, TurnIndex, index + i, log.Timestamp, log.Message);
      });
    });
  }

  /** Returns the size of the turn's log as `appended` counted it, and why it ends early, if it does. */
  state({ TenantId, TaskId, TurnIndex }: TurnKey): TurnLogState {
    const sql = 'SELECT LogBytes, LogEnd FROM turns WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';
    const row = this.#database.statement(sql).get(TenantId, TaskId, TurnIndex);
    return { bytes: Number(row?.['LogBytes'] ?? 0), end: (row?.['LogEnd'] ?? undefined) as TurnLogState['end'] };
  }

  setState({ TenantId, TaskId, TurnIndex }: TurnKey, { bytes, end }: TurnLogState): void {
    const sql = 'UPDATE turns SET LogBytes = ?, LogEnd = ? WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';
    this.#database.statement(sql).run(bytes, end ?? null, TenantId, TaskId, TurnIndex);
  }

  last(turn: TurnKey): IndexedTurnLog | undefined {
    const row = this.#database
      .statement(`SELECT ${columns} ${ofTurn} ORDER BY LogIndex DESC LIMIT 1`)
      .get(...keyOf(turn));
    return row && asLog(row);
  }

  /** Returns at most `limit` entries after index `after`. */
  after(turn: TurnKey, after: number, limit: number): IndexedTurnLog[] {
    const sql = `SELECT ${columns} ${ofTurn} AND LogIndex > ? ORDER BY LogIndex LIMIT ?`;
    return this.#database
      .statement(sql)
      .all(...keyOf(turn), after, limit)
      .map(asLog);
  }
}

function keyOf({ TenantId, TaskId, TurnIndex }: TurnKey) {
  return [TenantId, TaskId, TurnIndex] as const;
}

function asLog(row: Record<string, unknown>): IndexedTurnLog {
  return { Index: row['Index'] as number, Timestamp: row['Timestamp'] as string, Message: row['Message'] as string };
}
