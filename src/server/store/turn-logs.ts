import type { Database } from './database.ts';
import { patternOf } from './search.ts';
import { takeRows } from './table.ts';
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
  /** The number of entries that the runner added. */
  runnerLogs: number;
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
    const sql = 'SELECT LogBytes, LogEnd, RunnerLogs FROM turns WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';
    const row = this.#database.statement(sql).get(TenantId, TaskId, TurnIndex);
    const { LogBytes = 0, LogEnd, RunnerLogs = 0 } = row ?? {};
    return {
      bytes: Number(LogBytes),
      end: (LogEnd ?? undefined) as TurnLogState['end'],
      runnerLogs: Number(RunnerLogs),
    };
  }

  setState({ TenantId, TaskId, TurnIndex }: TurnKey, { bytes, end, runnerLogs }: TurnLogState): void {
    const sql =
      'UPDATE turns SET LogBytes = ?, LogEnd = ?, RunnerLogs = ? WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';
    this.#database.statement(sql).run(bytes, end ?? null, runnerLogs, TenantId, TaskId, TurnIndex);
  }

  last(turn: TurnKey): IndexedTurnLog | undefined {
    const row = this.#database
      .statement(`SELECT ${columns} ${ofTurn} ORDER BY LogIndex DESC LIMIT 1`)
      .get(...keyOf(turn));
    return row && asLog(row);
  }

  /** Returns at most `limit` entries after index `after`: fewer if their texts are longer than `maxChars`, but at least one. */
  after(turn: TurnKey, after: number, limit: number, maxChars: number): IndexedTurnLog[] {
    const sql = `SELECT ${columns} ${ofTurn} AND LogIndex > ? ORDER BY LogIndex LIMIT ?`;
    const rows = this.#database.statement(sql).iterate(...keyOf(turn), after, limit);
    return takeRows(rows, limit, maxChars).items.map(asLog);
  }

  /** Returns the number of entries that contain a text, and the newest ones, each with a part around the match. */
  search(turn: TurnKey, text: string, limit: number): { count: number; entries: IndexedTurnLog[] } {
    const matching = `${ofTurn} AND Message LIKE ? ESCAPE '\\'`;
    const values = [...keyOf(turn), patternOf(text)];
    const row = this.#database.statement(`SELECT COUNT(*) AS Count ${matching}`).get(...values);
    const part = `substr(Message, max(1, instr(lower(Message), lower(?)) - ${charsBefore}), ${charsShown}) AS Message`;
    const sql = `SELECT LogIndex AS "Index", Timestamp, ${part} ${matching} ORDER BY LogIndex DESC LIMIT ?`;
    const rows = this.#database.statement(sql).all(text, ...values, limit);
    return { count: Number(row?.['Count']), entries: rows.map(asLog).toReversed() };
  }
}

const charsBefore = 500;
const charsShown = 2000;

function keyOf({ TenantId, TaskId, TurnIndex }: TurnKey) {
  return [TenantId, TaskId, TurnIndex] as const;
}

function asLog(row: Record<string, unknown>): IndexedTurnLog {
  return { Index: row['Index'] as number, Timestamp: row['Timestamp'] as string, Message: row['Message'] as string };
}
