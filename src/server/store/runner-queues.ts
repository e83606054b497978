import type { RunnerQueue } from '../../plan42/objects.ts';
import { type Columns, flag, integer, text, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

export type RunnerKey = Pick<RunnerQueue, 'TenantID' | 'RunnerID'>;
export type QueueKey = Pick<RunnerQueue, 'TenantID' | 'RunnerID' | 'QueueID'>;

/** Returns the key as a string, for maps. */
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

/** Returns the runner's healthy queue with the smallest ID after `afterQueueId`. */
export function nextHealthyQueue(
  queues: ReturnType<typeof runnerQueuesTable>,
  { TenantID, RunnerID }: RunnerKey,
  afterQueueId: string,
): RunnerQueue | undefined {
  const where = 'WHERE TenantID = ? AND RunnerID = ? AND QueueID > ? AND IsHealthy = 1 AND Draining = 0';
  return queues.select(`${where} ORDER BY QueueID LIMIT 1`, TenantID, RunnerID, afterQueueId)[0];
}

/** The public keys of all current and former queues, by the coordinates of their points. */
export class UsedPublicKeys {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Records a key. Returns false if it was used before. */
  add(point: string): boolean {
    return this.#database.statement('INSERT OR IGNORE INTO used_public_keys VALUES (?)').run(point).changes === 1;
  }
}
