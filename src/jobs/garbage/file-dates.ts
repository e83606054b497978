import { stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { listFolder } from '../../lib/files.ts';
import type { GarbageContext } from './garbage.ts';

// Other machines that share the file system may have other clocks.
const toleranceMs = 86_400_000;

/** Gives files of the future, written while the date was wrong, the current date. Otherwise they would stay for as long. */
export async function correctDates({ store, now, signal }: GarbageContext): Promise<void> {
  const { finished, damaged, logs, active } = store.folders;
  for (const folder of [finished, damaged, logs, active, store.images.folder]) {
    for await (const { name } of listFolder(folder)) {
      signal.throwIfAborted();
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || found.mtimeMs < now() + toleranceMs) continue;
      const date = new Date(now());
      await utimes(path, date, date).catch(() => {});
    }
  }
}
