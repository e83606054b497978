import type { SQLInputValue } from 'node:sqlite';
import type { Turn } from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

/** The values that define the order of {@link activeTurns}. */
export const activeTurnOrder = { CreatedAt: 'string', TaskId: 'string', TurnIndex: 'number' } as const;

interface ActiveTurns {
  tenantId: string;
  /** The time of the last update; `below` is exclusive. */
  updated: { from: string; below: string };
  after: readonly SQLInputValue[] | undefined;
  limit: number;
}

/** Returns turns that are not finished, oldest first, without those of deleted tasks. */
export function activeTurns(turns: Tables['turns'], { tenantId, updated, after, limit }: ActiveTurns): Turn[] {
  const columns = Object.keys(activeTurnOrder)
    .map((name) => `turns.${name}`)
    .join(', ');
  return turns.select(
    `JOIN tasks ON tasks.TenantId = turns.TenantId AND tasks.TaskId = turns.TaskId
     WHERE IsOver = 0 AND tasks.Deleted = 0 AND turns.TenantId = ? AND turns.UpdatedAt >= ? AND turns.UpdatedAt < ?
     AND (${columns}) > (?, ?, ?) ORDER BY ${columns} LIMIT ?`,
    tenantId,
    updated.from,
    updated.below,
    ...(after ?? ['', '', 0]),
    limit,
  );
}

export type TurnKey = Pick<Turn, 'TenantId' | 'TaskId' | 'TurnIndex'>;

/** Returns the key as a string, for maps. */
export function turnName({ TenantId, TaskId, TurnIndex }: TurnKey): string {
  return `${TenantId}/${TaskId}/${TurnIndex}`;
}

/** Whether the turn has a final status. Without the other columns, which can be large. */
export function isTurnFinished(database: Database, { TenantId, TaskId, TurnIndex }: TurnKey): boolean {
  const sql = 'SELECT IsOver FROM turns WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';
  return database.statement(sql).get(TenantId, TaskId, TurnIndex)?.['IsOver'] === 1;
}

/** Writes the version of a turn that is otherwise unchanged, without its texts. */
export function touchTurn(
  database: Database,
  { TenantId, TaskId, TurnIndex, UpdatedAt, Version }: TurnKey & Pick<Turn, 'UpdatedAt' | 'Version'>,
): void {
  const sql = 'UPDATE turns SET UpdatedAt = ?, Version = ? WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';
  database.statement(sql).run(UpdatedAt, Version, TenantId, TaskId, TurnIndex);
}

/** A turn that no runner has accepted. */
export interface WaitingTurn extends TurnKey {
  Status: string;
  EnvironmentId: string | null;
  /** The runner that got it without a response. */
  InstanceId: string | undefined;
}

const selectWaiting = `SELECT TenantId, TaskId, TurnIndex, Status, EnvironmentId, InstanceId
  FROM turns JOIN tasks USING (TenantId, TaskId) WHERE IsOver = 0 AND AcceptedAt IS NULL AND tasks.Deleted = 0`;

function asWaiting(row: Record<string, unknown>): WaitingTurn {
  return { ...row, InstanceId: row['InstanceId'] ?? undefined } as WaitingTurn;
}

/** Whether a runner has accepted a turn, which is not part of the API. */
export class TurnAcceptance {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
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

  /** Returns when a runner accepted each accepted turn of a task, by turn index. */
  acceptedTimes({ TenantId, TaskId }: Pick<TurnKey, 'TenantId' | 'TaskId'>): Map<number, string> {
    const sql = 'SELECT TurnIndex, AcceptedAt FROM turns WHERE TenantId = ? AND TaskId = ? AND AcceptedAt IS NOT NULL';
    const rows = this.#database.statement(sql).all(TenantId, TaskId);
    return new Map(rows.map(({ TurnIndex, AcceptedAt }) => [Number(TurnIndex), String(AcceptedAt)]));
  }

  /** Returns the turns to send to runners, oldest first, without those of deleted tasks. */
  waiting(): WaitingTurn[] {
    return this.#database.statement(`${selectWaiting} ORDER BY turns.CreatedAt, turns.rowid`).all().map(asWaiting);
  }

  /** Returns the turn if it is to be sent to a runner. */
  findWaiting({ TenantId, TaskId, TurnIndex }: TurnKey): WaitingTurn | undefined {
    const sql = `${selectWaiting} AND TenantId = ? AND TaskId = ? AND TurnIndex = ?`;
    const row = this.#database.statement(sql).get(TenantId, TaskId, TurnIndex);
    return row && asWaiting(row);
  }

  /** Returns the accepted turns that are not finished, oldest first. Every update of a turn changes its version. */
  running(): (TurnKey & Pick<Turn, 'Version'>)[] {
    const sql = `SELECT TenantId, TaskId, TurnIndex, Version FROM turns
      WHERE IsOver = 0 AND AcceptedAt IS NOT NULL ORDER BY CreatedAt, TaskId, TurnIndex`;
    return this.#database.statement(sql).all() as unknown as ReturnType<TurnAcceptance['running']>;
  }
}
