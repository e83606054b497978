/**
 * Whether the images of an engine have changed since a query. A command of Podman takes 50 ms and more, also if it only looks
 * something up, and a job would wait for each.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { readText } from '../../lib/read-file.ts';
import { query, type RunEngine } from './client.ts';

export interface ImagesVersion {
  /** Differs after each change of an image or of its names. Undefined if it is not known. */
  read: () => Promise<string | undefined>;
  /** Whether changes of these images change the version. */
  covers: (ids: readonly string[]) => Promise<boolean>;
}

type Query<T> = (image: string, signal?: AbortSignal) => Promise<T>;

/**
 * Returns the query with a memory, which lasts until the version changes.
 * @param imagesOf the IDs of the images that a result is about; undefined if it is not to be remembered
 */
export function rememberUntilChange<T>(
  version: ImagesVersion | undefined,
  ask: Query<T>,
  imagesOf: (result: T) => readonly string[] | undefined,
): Query<T> {
  if (version === undefined) return ask;
  const results = new Map<string, T>();
  let versionOfResults: string | undefined;
  return async (image, signal) => {
    // Before the query, so that a change during it is not missed.
    const now = await version.read();
    if (now === undefined) return ask(image, signal);
    const known = now === versionOfResults ? results.get(image) : undefined;
    if (known !== undefined) return known;
    const result = await ask(image, signal);
    const ids = imagesOf(result);
    if (ids === undefined || !(await version.covers(ids))) return result;
    if (now !== versionOfResults) results.clear();
    versionOfResults = now;
    results.set(image, result);
    return result;
  };
}

// The storage moves only if its configuration is changed.
const locationLifetimeMs = 5 * 60_000;

/** The version of the images in Podman's storage on this machine: its index is a file, which each change replaces. */
export function podmanImagesVersion(run: RunEngine): ImagesVersion {
  let index: string | undefined;
  let knownUntil = 0;
  const locate = async () => {
    const format = '{{.Host.ServiceIsRemote}} {{.Store.GraphDriverName}} {{.Store.GraphRoot}}';
    const [, driver, root] = /^false (\w+) (\/.+)$/.exec((await query(run, ['info', '--format', format])) ?? '') ?? [];
    index = driver && root && join(root, `${driver}-images`, 'images.json');
  };
  return {
    read: async () => {
      if (systemClock.now() > knownUntil) {
        knownUntil = systemClock.now() + locationLifetimeMs;
        // Not awaited: it takes longer than what it saves the first job.
        void locate().catch(() => {});
      }
      if (index === undefined) return undefined;
      const found = await stat(index, { bigint: true }).catch(() => undefined);
      return found && [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
    },
    // Images of additional storages are not in the index.
    covers: async (ids) => {
      const text = index === undefined ? '' : await readText(index).catch(() => '');
      return ids.every((id) => text.includes(`"${id}"`));
    },
  };
}
