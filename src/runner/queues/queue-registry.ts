import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createFile } from '../../lib/files.ts';
import type { Logger } from '../../lib/logger.ts';
import { openPrivateFolder } from '../../lib/private-folder.ts';
import { isUuid } from '../../lib/uuid.ts';
import type { QueuePath } from '../../plan42/client.ts';
import { CallLimiter } from './call-limiter.ts';
import { deleteQueue, type QueueClient } from './queue-removal.ts';

/**
 * The queues that may exist on the server, on disk. After a crash the next run deletes them at once; otherwise the server
 * would keep assigning messages to queues that are no longer polled.
 */
export class QueueRegistry {
  readonly #folder: string;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(stateDir: string): Promise<QueueRegistry> {
    const folder = join(stateDir, 'queues');
    await openPrivateFolder(folder);
    return new QueueRegistry(folder);
  }

  async list(): Promise<string[]> {
    return (await readdir(this.#folder)).filter(isUuid);
  }

  // A failed write is ignored: the server's health checks remove such a queue later.
  add(queueId: string): void {
    this.#inOrder(() => createFile(join(this.#folder, queueId)));
  }

  remove(queueId: string): void {
    this.#inOrder(() => rm(join(this.#folder, queueId), { force: true }));
  }

  /** Resolves when all changes are on disk. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #inOrder(work: () => Promise<unknown>): void {
    this.#last = this.#last.then(work).catch(() => {});
  }
}

export interface LeftoverQueuesOptions extends Omit<QueuePath, 'queueId'> {
  registry: QueueRegistry;
  client: QueueClient;
  logger: Logger;
  abort: AbortSignal;
}

/** Deletes queues of a previous run on the server. Never rejects: the server's health checks remove the rest. */
export async function deleteLeftoverQueues(queueIds: readonly string[], options: LeftoverQueuesOptions): Promise<void> {
  const { registry, client, tenantId, runnerId, logger, abort } = options;
  const remove = async (queueId: string) => {
    const removal = { client, logger: logger.with({ queue_id: queueId }), limiter: new CallLimiter(), abort };
    await deleteQueue({ tenantId, runnerId, queueId }, removal);
    registry.remove(queueId);
  };
  await Promise.allSettled(queueIds.map(remove));
}
