import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listFolder } from '../../lib/files.ts';
import { describeDuration } from '../../lib/format-duration.ts';
import { removeLog, statLog } from '../../shim/job-log.ts';
import { isJobId } from '../job-id.ts';
import { egressSuffix } from '../store.ts';
import type { Garbage, GarbageContext } from './garbage.ts';

const extension = '.json';

/** The records of jobs that finished long ago, with their logs. Reads no records, because the time of the file suffices. */
export async function* findFinishedJobs({ store, rules, now, signal }: GarbageContext): AsyncGenerator<Garbage> {
  for await (const { name } of listFolder(store.folders.finished)) {
    signal.throwIfAborted();
    const jobId = name.slice(0, -extension.length);
    if (!name.endsWith(extension) || !isJobId(jobId)) continue;
    const path = join(store.folders.finished, name);
    const record = await stat(path).catch(() => undefined);
    if (record === undefined || record.mtimeMs > now() - rules.keepFinishedMs) continue;
    const { logFile } = store.paths(jobId);
    const log = await statLog(logFile);
    yield {
      kind: 'job',
      name: jobId,
      bytes: record.size + (log?.bytes ?? 0),
      reason: `finished ${describeDuration(now() - record.mtimeMs)} ago`,
      remove: async () => {
        // The record is removed last, so that leftovers of a crash are still recognized. The same job can be requested again.
        const isActive = () => store.isActive(jobId);
        if ((await isActive()) || !(await removeLog(logFile, isActive))) return false;
        await rm(join(store.folders.finished, `${jobId}${egressSuffix}`), { force: true });
        await rm(path, { force: true });
        return true;
      },
    };
  }
}
