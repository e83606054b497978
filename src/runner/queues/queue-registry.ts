import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { createFile } from '../../lib/files.ts';
import { tryParseJson } from '../../lib/json.ts';
import type { Logger } from '../../lib/logger.ts';
import { openPrivateFolder } from '../../lib/private-folder.ts';
import { readText } from '../../lib/read-file.ts';
import { isUuid } from '../../lib/uuid.ts';
import type { QueuePath } from '../../plan42/client.ts';
import { CallLimiter } from './call-limiter.ts';
import { deleteQueue, type QueueClient } from './queue-removal.ts';

/** Whose queues they are, and on which server. */
export interface QueueOwner {
  tenantId: string;
  runnerId: string;
  url: URL;
}

const Entry = v.object({ tenantId: v.string(), runnerId: v.string(), url: v.string() });

/**
 * The queues that may exist on the server, on disk. After a crash the next run deletes them at once; otherwise the server
 * would keep assigning messages to queues that are no longer polled.
 */
export class QueueRegistry {
  readonly #folder: string;
  readonly #entry: string;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, { tenantId, runnerId, url }: QueueOwner) {
    this.#folder = folder;
    this.#entry = JSON.stringify({ tenantId, runnerId, url: url.href } satisfies v.InferOutput<typeof Entry>);
  }

  static async open(stateDir: string, owner: QueueOwner): Promise<QueueRegistry> {
    const folder = join(stateDir, 'queues');
    await openPrivateFolder(folder);
    return new QueueRegistry(folder, owner);
  }

  /** The queues of this owner. Forgets those of others: this one may not delete them, and does not know where. */
  async list(): Promise<string[]> {
    const queueIds = (await readdir(this.#folder)).filter(isUuid);
    const isOwn = await Promise.all(queueIds.map((queueId) => this.#isOwn(queueId)));
    for (const [n, queueId] of queueIds.entries()) if (!isOwn[n]) this.remove(queueId);
    return queueIds.filter((_, n) => isOwn[n]);
  }

  async #isOwn(queueId: string): Promise<boolean> {
    const text = await readText(join(this.#folder, queueId)).catch(() => undefined);
    // Earlier versions wrote empty files.
    if (text === '') return true;
    const { success, output } = v.safeParse(Entry, tryParseJson(text ?? ''));
    return success && isDeepStrictEqual(output, tryParseJson(this.#entry));
  }

  // A failed write is ignored: the server's health checks remove such a queue later.
  add(queueId: string): void {
    this.#inOrder(() => createFile(join(this.#folder, queueId), this.#entry));
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
