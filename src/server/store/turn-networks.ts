import type { TurnNetwork } from '../../plan42/turn-network.ts';
import type { Database } from './database.ts';
import type { TurnKey } from './turns.ts';

const ofTurn = 'WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?';

/** The runner of each turn, and what it reports on the network of the job. */
export class TurnNetworks {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Records the runner to which the turn is sent. */
  assign({ TenantId, TaskId, TurnIndex }: TurnKey, runnerId: string): void {
    const sql = `INSERT INTO turn_networks (TenantId, TaskId, TurnIndex, RunnerId) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET RunnerId = excluded.RunnerId`;
    this.#database.statement(sql).run(TenantId, TaskId, TurnIndex, runnerId);
  }

  /** Undefined if the turn was never sent, or by an older version. */
  runnerOf({ TenantId, TaskId, TurnIndex }: TurnKey): string | undefined {
    const sql = `SELECT RunnerId FROM turn_networks ${ofTurn}`;
    return this.#database.statement(sql).get(TenantId, TaskId, TurnIndex)?.['RunnerId'] as string | undefined;
  }

  /** Saves the report on a turn that was assigned. */
  save({ TenantId, TaskId, TurnIndex }: TurnKey, network: TurnNetwork): void {
    const sql = `UPDATE turn_networks SET Report = ? ${ofTurn}`;
    this.#database.statement(sql).run(JSON.stringify(network), TenantId, TaskId, TurnIndex);
  }

  find({ TenantId, TaskId, TurnIndex }: TurnKey): TurnNetwork | undefined {
    const sql = `SELECT Report FROM turn_networks ${ofTurn}`;
    return parse(this.#database.statement(sql).get(TenantId, TaskId, TurnIndex)?.['Report']);
  }

  /** Returns the reports on the newest turns of a task, by turn index. */
  ofTask({ TenantId, TaskId }: Pick<TurnKey, 'TenantId' | 'TaskId'>, limit: number): Map<number, TurnNetwork> {
    const sql = `SELECT TurnIndex, Report FROM turn_networks
      WHERE TenantId = ? AND TaskId = ? AND Report IS NOT NULL ORDER BY TurnIndex DESC LIMIT ?`;
    const rows = this.#database.statement(sql).all(TenantId, TaskId, limit);
    return new Map(
      rows.flatMap(({ TurnIndex, Report }) => {
        const network = parse(Report);
        return network === undefined ? [] : [[Number(TurnIndex), network] as const];
      }),
    );
  }
}

function parse(report: unknown): TurnNetwork | undefined {
  return typeof report === 'string' ? (JSON.parse(report) as TurnNetwork) : undefined;
}
