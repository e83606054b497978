import type { Turn } from '../../plan42/objects.ts';
import { type Columns, integer, json, nullable, omitted, text, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

export type TurnKey = Pick<Turn, 'TenantId' | 'TaskId' | 'TurnIndex'>;

const columns: Columns<Turn> = {
  TenantId: text,
  WorkstreamId: omitted(text),
  TaskId: text,
  TurnIndex: integer,
  Prompt: text,
  PreviousResponseID: omitted(text),
  CommitInfo: nullable(json<NonNullable<Turn['CommitInfo']>>()),
  Status: text,
  OutputMessage: omitted(text),
  ErrorMessage: omitted(text),
  CompletedAt: omitted(text),
  ...versioned,
};

export function turnsTable(database: Database) {
  return new Table(database, {
    type: 'Turn',
    name: 'turns',
    columns,
    key: ['TenantId', 'TaskId', 'TurnIndex'],
    order: ['TurnIndex'],
  });
}

/** Whether a runner has accepted a turn, which is not part of the API. */
export class TurnAcceptance {
  readonly #database: Database;
  readonly #turns: ReturnType<typeof turnsTable>;

  constructor(database: Database, turns: ReturnType<typeof turnsTable>) {
    this.#database = database;
    this.#turns = turns;
  }

  /** Records that a runner accepted the turn. Returns whether this is the first record. */
  accept({ TenantId, TaskId, TurnIndex }: TurnKey, at: string): boolean {
    const sql =
      'UPDATE turns SET AcceptedAt = ? WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ? AND AcceptedAt IS NULL';
    return this.#database.statement(sql).run(at, TenantId, TaskId, TurnIndex).changes === 1;
  }

  isAccepted({ TenantId, TaskId, TurnIndex }: TurnKey): boolean {
    const sql =
      'SELECT AcceptedAt FROM turns WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ? AND AcceptedAt IS NOT NULL';
    return this.#database.statement(sql).get(TenantId, TaskId, TurnIndex) !== undefined;
  }

  /** Returns the turns to send to runners, oldest first, without those of deleted tasks. */
  waiting(): Turn[] {
    return this.#turns.select(
      `JOIN tasks USING (TenantId, TaskId) WHERE IsOver = 0 AND AcceptedAt IS NULL AND tasks.Deleted = 0
       ORDER BY turns.CreatedAt, TaskId, TurnIndex`,
    );
  }

  /** Returns the accepted turns without an update since `before`. */
  silentSince(before: string): Turn[] {
    return this.#turns.select('WHERE IsOver = 0 AND AcceptedAt < ?1 AND UpdatedAt < ?1 ORDER BY CreatedAt', before);
  }
}
