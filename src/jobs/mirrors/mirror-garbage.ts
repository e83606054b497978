import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listFolder, move } from '../../lib/files.ts';
import { describeDuration } from '../../lib/format-duration.ts';
import type { Garbage, GarbageContext } from '../garbage/garbage.ts';
import type { JobStore } from '../store.ts';
import { folderSize } from './folder-size.ts';
import { unfinished } from './mirror-path.ts';

interface Found {
  /** The folder of its connection. */
  connection: string;
  path: string;
  name: string;
  usedAtMs: number;
}

// A clone takes an hour at most.
const unfinishedMs = 2 * 3_600_000;
const keptMs = 30 * 86_400_000;

/** Git mirrors that were not used for a month, or are beyond the limit for all; and leftovers of a crash. */
export async function* findMirrors(context: GarbageContext): AsyncGenerator<Garbage> {
  const { store, rules, now, signal } = context;
  const found: Found[] = [];
  for await (const mirror of listMirrors(store.folders.mirrors)) found.push(mirror);
  const busy = await usedByJobs(store);
  let room = rules.keepMirrorBytes;
  for (const mirror of found.toSorted((a, b) => b.usedAtMs - a.usedAtMs)) {
    signal.throwIfAborted();
    const ageMs = now() - mirror.usedAtMs;
    const bytes = await folderSize(mirror.path);
    const isPart = mirror.name.includes(unfinished) || mirror.name.endsWith('.too-large');
    if (!isPart) room -= bytes;
    const isOld = ageMs > (mirror.name.includes(unfinished) ? unfinishedMs : keptMs);
    if (!isOld && (isPart || room >= 0)) continue;
    if (busy.has(mirror.connection) || ageMs < rules.graceMs) continue;
    yield {
      kind: 'mirror',
      name: mirror.name,
      bytes,
      reason: isOld ? `last used ${describeDuration(ageMs)} ago` : 'the git mirrors are larger than jobs.mirrors_gib',
      remove: () => removeMirror(mirror, store),
    };
  }
}

/** Running jobs need the objects of their mirrors. */
async function removeMirror({ connection, path, usedAtMs }: Found, store: JobStore): Promise<boolean> {
  if ((await usedByJobs(store)).has(connection)) return false;
  if ((await stat(path).catch(() => undefined))?.mtimeMs !== usedAtMs) return false;
  const aside = `${path.replace(/\.git$/, '')}${unfinished}${randomUUID()}`;
  // At once, because half a mirror would break clones.
  await move(path, aside);
  await rm(aside, { recursive: true, force: true });
  return true;
}

async function usedByJobs(store: JobStore): Promise<Set<string>> {
  const names = new Set<string>();
  for (const jobId of await store.listActive()) {
    const record = await store.readActive(jobId).catch(() => undefined);
    if (record?.mirrors !== undefined) names.add(record.mirrors);
  }
  return names;
}

async function* listMirrors(folder: string): AsyncGenerator<Found> {
  for await (const connection of foldersIn(folder)) {
    for await (const host of foldersIn(join(folder, connection))) {
      for await (const org of foldersIn(join(folder, connection, host))) {
        const parent = join(folder, connection, host, org);
        for await (const { name } of listFolder(parent)) {
          const path = join(parent, name);
          const usedAtMs = (await stat(path).catch(() => undefined))?.mtimeMs;
          if (usedAtMs !== undefined) yield { connection, path, name: `${host}/${org}/${name}`, usedAtMs };
        }
      }
    }
  }
}

async function* foldersIn(folder: string): AsyncGenerator<string> {
  for await (const entry of listFolder(folder)) if (entry.isDirectory()) yield entry.name;
}
