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

const maxFormerKeys = 100_000;

/**
 * The public keys of all current queues and of the latest former ones, by the coordinates of their points. A key stays while
 * its queue exists, so it never belongs to two queues at once.
 */
export class UsedPublicKeys {
  readonly #database: Database;
  readonly #keep: number;

  /** @param keep how many keys are remembered after their queue was deleted */
  constructor(database: Database, keep = maxFormerKeys) {
    this.#database = database;
    this.#keep = keep;
  }

  /** Records the key of a queue. Returns false if it was used before. */
  add(point: string, { TenantID, RunnerID, QueueID }: QueueKey): boolean {
    const sql = 'INSERT OR IGNORE INTO used_public_keys (Point, TenantID, RunnerID, QueueID) VALUES (?, ?, ?, ?)';
    const { changes, lastInsertRowid } = this.#database.statement(sql).run(point, TenantID, RunnerID, QueueID);
    if (changes !== 1) return false;
    this.#forget(Number(lastInsertRowid) - this.#keep);
    return true;
  }

  /** Forgets the keys up to a sequence number whose queues are deleted. Those of older versions have negative numbers. */
  #forget(last: number): void {
    const sql = `DELETE FROM used_public_keys AS used WHERE Id BETWEEN 1 AND ? AND NOT EXISTS (
      SELECT 1 FROM runner_queues AS queue WHERE queue.TenantID = used.TenantID
      AND queue.RunnerID = used.RunnerID AND queue.QueueID = used.QueueID)`;
    this.#database.statement(sql).run(last);
  }
}
