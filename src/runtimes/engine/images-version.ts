/**
 * Whether the images of an engine have changed since a query. A command of Podman takes 50 ms and more, also if it only looks
 * something up, and a job would wait for each.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { systemClock } from '../../lib/clock.ts';
import { parseJson } from '../../lib/json.ts';
import { readText } from '../../lib/read-file.ts';
import { query, type RunEngine } from './client.ts';

export interface ImagesVersion {
  /** Differs after each change of an image or of its names. Undefined if it is not known. */
  read: () => Promise<string | undefined>;
  /** Differs after an image was added or removed. Undefined if it is not known. */
  readIds: () => Promise<string | undefined>;
  /** Whether changes of these images change the version. */
  covers: (ids: readonly string[]) => Promise<boolean>;
}

type Query<T> = (image: string, signal?: AbortSignal) => Promise<T>;

export interface RememberOptions<T> {
  /** Undefined if nothing is to be remembered. */
  readVersion: ImagesVersion['read'] | undefined;
  /** Whether a result is to be remembered. */
  isLasting: (result: T) => Promise<boolean>;
}

/**
 * Returns the query with a memory, which lasts until the version changes. Calls at the same time share a query. `confirm` keeps
 * a result that holds although the version has changed.
 */
export function rememberUntilChange<T>(
  ask: Query<T>,
  { readVersion, isLasting }: RememberOptions<T>,
): { query: Query<T>; confirm: (image: string, holds: (result: T) => boolean) => Promise<void> } {
  if (readVersion === undefined) return { query: ask, confirm: async () => {} };
  let versionOfResults: string | undefined;
  const results = new Map<string, Promise<T>>();
  const keep = (image: string, result: Promise<T>, version: string) => {
    if (version !== versionOfResults) results.clear();
    versionOfResults = version;
    results.set(image, result);
  };
  const begin = (image: string, version: string) => {
    // Without the signal of the caller, because others may wait for it.
    const result = ask(image);
    keep(image, result, version);
    const forget = () => void (results.get(image) === result && results.delete(image));
    result.then(async (found) => (await isLasting(found)) || forget()).catch(forget);
    return result;
  };
  return {
    query: async (image, signal) => {
      // Before the query, so that a change during it is not missed.
      const version = await readVersion();
      if (version === undefined) return ask(image, signal);
      const known = version === versionOfResults ? results.get(image) : undefined;
      return orAborted(known ?? begin(image, version), signal);
    },
    confirm: async (image, holds) => {
      const [known, version] = [results.get(image), await readVersion()];
      if (known === undefined || version === undefined) return;
      const isHolding = await known.then(holds, () => false);
      if (isHolding) keep(image, known, version);
    },
  };
}

function orAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([result, promise]).finally(() => signal.removeEventListener('abort', abort));
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
    readIds: async () => (await readIds(index))?.join(' '),
    // Images of additional storages are not in the index.
    covers: async (ids) => {
      const stored = new Set(await readIds(index));
      return ids.every((id) => stored.has(id));
    },
  };
}

const Index = v.array(v.object({ id: v.string() }));

/** Undefined if the index is missing, or not one as it is known. */
async function readIds(index: string | undefined): Promise<string[] | undefined> {
  if (index === undefined) return undefined;
  try {
    return v.parse(Index, parseJson(await readText(index))).map(({ id }) => id);
  } catch {
    return undefined;
  }
}
