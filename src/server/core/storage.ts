import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { StorageError } from '../store/storage-health.ts';
import type { Store } from '../store/store.ts';
import type { Events } from './events.ts';
import type { Timing } from './timing.ts';

interface StorageDeps {
  store: Pick<Store, 'tryToRecover'>;
  events: Events;
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/** After a failure, tries whether data can be saved again, until the signal aborts. Never rejects. */
export async function watchStorage({ store, events, timing, logger, signal }: StorageDeps): Promise<void> {
  try {
    for (;;) {
      await sleep(timing.storageRetryMs, signal);
      if (store.tryToRecover()) events.emit('turnsToSend');
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('storage watch stopped', { error });
  }
}

/** Runs one step of background work, which is repeated later if the storage fails. */
export function skipIfStorageFails(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
  }
}
