import type { TurnEvent, TurnMessage } from '../../plan42/turn-messages.ts';
import type { Database } from './database.ts';
import { takeRows } from './table.ts';
import type { TurnKey } from './turns.ts';

/** `Position` counts the events of a turn, from 1. */
export type StoredTurnEvent = TurnEvent & { Position: number };

const ofTurn = 'FROM turn_events WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';

/** The messages of all turns, and the ends of their sub-agents. They are removed with the turn. */
export class TurnEvents {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Returns the number of events of a turn, and the size of their JSON. */
  size(turn: TurnKey): { count: number; bytes: number } {
    const sql = `SELECT Position, Bytes ${ofTurn} ORDER BY Position DESC LIMIT 1`;
    const last = this.#database.statement(sql).get(...keyOf(turn));
    return { count: Number(last?.['Position'] ?? 0), bytes: Number(last?.['Bytes'] ?? 0) };
  }

  /** Adds an event after all others of the turn. @throws if the turn has a message with the ID */
  append(turn: TurnKey, { event, data }: TurnEvent): void {
    const { count, bytes } = this.size(turn);
    const json = JSON.stringify(data);
    const messageId = 'MessageID' in data ? data.MessageID : null;
    this.#database
      .statement('INSERT INTO turn_events VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(...keyOf(turn), count + 1, event, messageId, json, bytes + Buffer.byteLength(json));
  }

  /** Returns a text for each turn of a task that has events or sub-agents, which changes with each of them. */
  tagsOfTask({ TenantId, TaskId }: Pick<TurnKey, 'TenantId' | 'TaskId'>): Map<number, string> {
    const sql = `SELECT TurnIndex, group_concat(Part, '.') AS Tag FROM (
      SELECT TurnIndex, 'e' || MAX(Position) AS Part FROM turn_events WHERE TenantId = ?1 AND TaskId = ?2 GROUP BY TurnIndex
      UNION ALL SELECT TurnIndex, 'a' || SUM(Version) FROM sub_agents WHERE TenantId = ?1 AND TaskId = ?2 GROUP BY TurnIndex
    ) GROUP BY TurnIndex`;
    const rows = this.#database.statement(sql).all(TenantId, TaskId);
    return new Map(rows.map((row) => [Number(row['TurnIndex']), String(row['Tag'])]));
  }

  findMessage(turn: TurnKey, messageId: string): TurnMessage | undefined {
    const row = this.#database.statement(`SELECT Data ${ofTurn} AND MessageID = ?`).get(...keyOf(turn), messageId);
    return row && (JSON.parse(String(row['Data'])) as TurnMessage);
  }

  /** Returns at most `limit` events after a position: fewer if their texts are longer than `maxChars`, but at least one. */
  after(turn: TurnKey, position: number, limit: number, maxChars?: number): StoredTurnEvent[] {
    return this.#select(turn, 'AND Position > ? ORDER BY Position', position, limit, maxChars);
  }

  /** Returns at most `limit` events before a position, the newest first. */
  before(turn: TurnKey, position: number, limit: number): StoredTurnEvent[] {
    return this.#select(turn, 'AND Position < ? ORDER BY Position DESC', position, limit);
  }

  #select(
    turn: TurnKey,
    which: string,
    position: number,
    limit: number,
    maxChars = Number.POSITIVE_INFINITY,
  ): StoredTurnEvent[] {
    const sql = `SELECT Position, Event, Data ${ofTurn} ${which} LIMIT ?`;
    const rows = this.#database.statement(sql).iterate(...keyOf(turn), position, limit);
    return takeRows(rows, limit, maxChars).items.map(
      (row) =>
        ({
          Position: Number(row['Position']),
          event: row['Event'],
          data: JSON.parse(String(row['Data'])),
        }) as StoredTurnEvent,
    );
  }
}

function keyOf({ TenantId, TaskId, TurnIndex }: TurnKey) {
  return [TenantId, TaskId, TurnIndex] as const;
}
