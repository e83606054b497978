import type { RunnerQueue } from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

export type RunnerKey = Pick<RunnerQueue, 'TenantID' | 'RunnerID'>;
export type QueueKey = Pick<RunnerQueue, 'TenantID' | 'RunnerID' | 'QueueID'>;

/** Returns the key as a string, for maps. */
export function runnerName({ TenantID, RunnerID }: RunnerKey): string {
  return `${TenantID}/${RunnerID}`;
}

/** Returns the key as a string, for maps. */
export function queueName({ TenantID, RunnerID, QueueID }: QueueKey): string {
  return `${TenantID}/${RunnerID}/${QueueID}`;
}

/** Returns the runner's healthy queue with the smallest ID after `afterQueueId`. */
export function nextHealthyQueue(
  queues: Tables['runnerQueues'],
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
