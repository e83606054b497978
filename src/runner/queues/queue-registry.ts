import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../lib/files.ts';
import type { Logger } from '../lib/logger.ts';
import { isUuid } from '../lib/uuid.ts';
import type { Plan42Client, QueuePath } from '../plan42/client.ts';
import { OutagePace } from './outage-pace.ts';
import { deleteQueue } from './queue-removal.ts';

/**
 * Which queues the server may know, on disk: the next run of a runner that was killed deletes them at once. Until then
 * the server would go on to give them messages that nobody polls.
 */
export class QueueMemory {
  readonly #folder: string;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(stateDir: string): Promise<QueueMemory> {
    const folder = join(stateDir, 'queues');
    await makeFolder(folder);
    return new QueueMemory(folder);
  }

  /** Those that an earlier run left. */
  async list(): Promise<string[]> {
    return (await readdir(this.#folder)).filter(isUuid);
  }

  // What can't be written is left to the server's health checks.
  remember(queueId: string): void {
    this.#inOrder(() => writeFile(join(this.#folder, queueId), '', { mode: 0o600 }));
  }

  forget(queueId: string): void {
    this.#inOrder(() => rm(join(this.#folder, queueId), { force: true }));
  }

  /** Resolves when everything is on disk. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #inOrder(work: () => Promise<unknown>): void {
    this.#last = this.#last.then(work).catch(() => {});
  }
}

export interface LeftQueuesOptions extends Omit<QueuePath, 'queueId'> {
  memory: QueueMemory;
  client: Plan42Client;
  logger: Logger;
  stop: AbortSignal;
}

/** Deletes on the server what an earlier run left there. Never rejects: what stays is left to the server. */
export async function deleteLeftQueues(queueIds: readonly string[], options: LeftQueuesOptions): Promise<void> {
  const { memory, client, tenantId, runnerId, logger, stop } = options;
  const remove = async (queueId: string) => {
    const removal = { logger: logger.with({ queueID: queueId }), pace: new OutagePace(), stop };
    await deleteQueue({ tenantId, runnerId, queueId }, client, removal);
    memory.forget(queueId);
  };
  await Promise.allSettled(queueIds.map(remove));
}
