import { type Columns, flag, integer, text, type Versioned, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

export interface RunnerQueue extends Versioned {
  TenantID: string;
  RunnerID: string;
  QueueID: string;
  /** SPKI PEM. */
  PublicKey: string;
  /** Whether it gets work. A draining queue is never healthy. */
  IsHealthy: boolean;
  Draining: boolean;
  NConsecutiveFailedHealthChecks: number;
  NConsecutiveSuccessfulHealthChecks: number;
  LastHealthCheckAt: string;
}

export type RunnerKey = Pick<RunnerQueue, 'TenantID' | 'RunnerID'>;
export type QueueKey = Pick<RunnerQueue, 'TenantID' | 'RunnerID' | 'QueueID'>;

/** The whole key as one text, for maps. */
export function queueName({ TenantID, RunnerID, QueueID }: QueueKey): string {
  return `${TenantID}/${RunnerID}/${QueueID}`;
}

const columns: Columns<RunnerQueue> = {
  TenantID: text,
  RunnerID: text,
  QueueID: text,
  PublicKey: text,
  IsHealthy: flag,
  Draining: flag,
  NConsecutiveFailedHealthChecks: integer,
  NConsecutiveSuccessfulHealthChecks: integer,
  LastHealthCheckAt: text,
  ...versioned,
};

export function runnerQueuesTable(database: Database) {
  return new Table(database, {
    type: 'RunnerQueue',
    name: 'runner_queues',
    columns,
    key: ['TenantID', 'RunnerID', 'QueueID'],
    order: ['CreatedAt', 'QueueID', 'RunnerID'],
  });
}

/** The runner's healthy queue with the smallest ID after `afterQueueId`. */
export function nextHealthyQueue(
  queues: ReturnType<typeof runnerQueuesTable>,
  { TenantID, RunnerID }: RunnerKey,
  afterQueueId: string,
): RunnerQueue | undefined {
  const where = 'WHERE TenantID = ? AND RunnerID = ? AND QueueID > ? AND IsHealthy = 1 AND Draining = 0';
  return queues.select(`${where} ORDER BY QueueID LIMIT 1`, TenantID, RunnerID, afterQueueId)[0];
}

/** The public keys that queues have or had, each by the coordinates of its point. */
export class UsedPublicKeys {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Remembers a key; returns false if it was known. */
  add(point: string): boolean {
    return this.#database.statement('INSERT OR IGNORE INTO used_public_keys VALUES (?)').run(point).changes === 1;
  }
}
