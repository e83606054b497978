import type { Dirent } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, listFolder } from '../../lib/files.ts';
import { describeDuration } from '../../lib/format-duration.ts';
import { checkFolderPrefix, checkLifetimeMs } from '../../runtimes/check/names.ts';
import { logFileOf, removeLog, statLog } from '../../shim/job-log.ts';
import { isJobId } from '../job-id.ts';
import { draftSuffix, type JobStore } from '../store.ts';
import type { Garbage, GarbageContext } from './garbage.ts';

/** Files that crashes leave: logs without a record, half-created or half-removed jobs, unfinished writes. */
export async function* findOrphanedFiles(context: GarbageContext): AsyncGenerator<Garbage> {
  const { active, finished, damaged } = context.store.folders;
  yield* findOrphanedLogs(context);
  // These contain requests and tokens. A complete job has another name.
  yield* findInterrupted(context, active, (entry) => entry.isDirectory() && entry.name.endsWith(draftSuffix));
  for (const folder of [finished, context.store.images.folder])
    yield* findInterrupted(context, folder, (entry) => /\.[0-9a-f]{12}\.tmp$/.test(entry.name));
  const ofDoctor = {
    isOne: (entry: Dirent) => entry.isDirectory() && entry.name.startsWith(checkFolderPrefix),
    keptMs: Math.max(context.rules.graceMs, checkLifetimeMs),
    reason: 'left by a doctor that was killed',
  };
  yield* findOld(context, context.store.folders.state, ofDoctor);
  const keptMs = Math.max(context.rules.keepFinishedMs, context.rules.graceMs);
  yield* findOld(context, damaged, { isOne: () => true, keptMs, reason: 'kept from a damaged job' });
}

async function* findOrphanedLogs({ store, rules, now, signal, onKept }: GarbageContext): AsyncGenerator<Garbage> {
  for await (const { name } of listFolder(store.folders.logs)) {
    signal.throwIfAborted();
    const jobId = name.split('.', 1)[0] ?? '';
    // The folder also contains the service's own log.
    if (!isJobId(jobId) || !name.includes('.')) continue;
    const path = join(store.folders.logs, name);
    const logFile = logFileOf(path);
    if (logFile !== path && (await exists(logFile))) continue;
    // A removal that was interrupted can leave the folder of older segments without its log, or empty.
    const log = (await statLog(logFile)) ?? (logFile === path ? undefined : await statEmpty(path));
    if (log === undefined) continue;
    const ageMs = now() - log.modifiedAtMs;
    if (ageMs < rules.keepFinishedMs || (await isKnown(store, jobId))) continue;
    const reason = `its job is unknown, last written ${describeDuration(ageMs)} ago`;
    if (ageMs < rules.graceMs) {
      onKept?.({ kind: 'log', name, reason: `${reason}, ${untilOld(rules.graceMs)}` });
      continue;
    }
    yield {
      kind: 'log',
      name,
      bytes: log.bytes,
      reason,
      remove: async () => !(await isKnown(store, jobId)) && removeLog(logFile, () => store.isActive(jobId)),
    };
  }
}

async function statEmpty(folder: string): Promise<{ bytes: number; modifiedAtMs: number } | undefined> {
  const found = await stat(folder).catch(() => undefined);
  return found && { bytes: 0, modifiedAtMs: found.mtimeMs };
}

async function isKnown(store: JobStore, jobId: string): Promise<boolean> {
  return (await store.isActive(jobId)) || exists(join(store.folders.finished, `${jobId}.json`));
}

function findInterrupted(
  context: GarbageContext,
  folder: string,
  isOne: (entry: Dirent) => boolean,
): AsyncGenerator<Garbage> {
  const reason = 'left by an interrupted write or removal';
  return findOld(context, folder, { isOne, keptMs: context.rules.graceMs, reason });
}

/** Whatever has just been written may belong to something that is under construction. */
const untilOld = (keptMs: number) => `stays for ${describeDuration(keptMs)}`;

async function* findOld(
  { rules, now, onKept }: GarbageContext,
  folder: string,
  { isOne, keptMs, reason }: { isOne: (entry: Dirent) => boolean; keptMs: number; reason: string },
): AsyncGenerator<Garbage> {
  for await (const entry of listFolder(folder)) {
    if (!isOne(entry)) continue;
    const path = join(folder, entry.name);
    const file = await stat(path).catch(() => undefined);
    if (file === undefined) continue;
    if (file.mtimeMs > now() - keptMs) {
      if (keptMs > rules.keepFinishedMs)
        onKept?.({
          kind: 'file',
          name: entry.name,
          reason: `${reason.replace(/^left /, 'may be left ')}, ${untilOld(keptMs)}`,
        });
      continue;
    }
    yield {
      kind: 'file',
      name: entry.name,
      bytes: file.size,
      reason,
      remove: async () => {
        await rm(path, { recursive: true, force: true });
        return true;
      },
    };
  }
}
