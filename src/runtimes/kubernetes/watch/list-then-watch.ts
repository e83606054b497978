/** Keeps up with all objects of one kind: a complete list, then a watch of what changes, through all outages. */
import { Backoff } from '../../../lib/backoff.ts';
import { type Clock, systemClock } from '../../../lib/clock.ts';
import { isAbort } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { type KubeApi, KubeApiError } from '../api/kube-api.ts';
import { listenForSilence, readEvents } from './watch-events.ts';

export interface WatchedObject {
  metadata: { name: string; uid: string; resourceVersion?: string };
}

export interface ListThenWatchOptions<Raw extends WatchedObject, Kept> {
  api: Pick<KubeApi, 'request' | 'stream'>;
  /** The path of the list. */
  path: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Returns the fields that are needed; undefined for an object that is not. Hundreds of whole objects take megabytes. */
  keep: (object: Raw) => Kept | undefined;
  /** Before the first request of each list. An object that is created later may be missing in it. */
  onListStart?: () => void;
  /** A complete list: each object that is not in it is gone. */
  onList: (objects: readonly Kept[]) => void;
  /** An object was created or changed. */
  onChange: (object: Kept) => void;
  /** An object was deleted; this is its last state. */
  onDelete: (object: Kept) => void;
  /** The picture was complete at this moment: after a list, and with each event. */
  onCurrent?: () => void;
  logger: Logger;
  signal: AbortSignal;
  clock?: Clock;
  random?: () => number;
}

/** The server ends a watch after this time. The next one continues where it ended. */
const watchSeconds = 45;
/** The server would have ended the watch before this: nothing arrives through the connection any more. */
const silenceMs = 55_000;
const headersTimeoutMs = 30_000;
const pageSize = 250;
const backoffLimits = { minMs: 200, maxMs: 10_000 };
/** A server cannot ask for a longer wait. */
const maxRetryAfterMs = 60_000;
/** A watch that ends sooner without an event is a failure, so that it is not repeated without a pause. */
const shortWatchMs = 1000;
/** After so many failures in a row the version of the last event is suspected, and a list is due. */
const maxResumes = 3;

interface List<Raw> {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: readonly Raw[];
}

/** Rejects only with the reason of the signal, or an error of a callback. */
export async function listThenWatch<Raw extends WatchedObject, Kept>(
  options: ListThenWatchOptions<Raw, Kept>,
): Promise<never> {
  const { signal, path, logger, clock = systemClock, random } = options;
  const backoff = new Backoff(backoffLimits, random);
  let version: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    try {
      version ??= await list(options);
      signal.throwIfAborted();
      const startedAt = clock.now();
      let isFruitful = false;
      for await (const next of watch(options, version)) {
        version = next;
        isFruitful = true;
        backoff.reset();
      }
      if (!isFruitful && clock.now() - startedAt < shortWatchMs) throw new Error('the watch ended at once');
      backoff.reset();
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      signal.throwIfAborted();
      if (error instanceof CallbackError) throw error.cause;
      const isExpired = error instanceof KubeApiError && error.status === 410;
      const isFirst = backoff.attempts === 0;
      const waitMs = backoff.next(retryAfterOf(error));
      if (isExpired || backoff.attempts > maxResumes) version = undefined;
      // A list is the remedy, and the server is well.
      if (isExpired && isFirst) continue;
      if (isFirst) logger.debug('watch of cluster interrupted, retrying', { path, error });
      if (backoff.attempts === maxResumes) logger.warn('cannot watch cluster, retrying', { path, error });
      await clock.sleep(waitMs, signal);
    }
  }
}

function retryAfterOf(error: unknown): number {
  return error instanceof KubeApiError ? Math.min(maxRetryAfterMs, error.retryAfterMs ?? 0) : 0;
}

/** A fault of ours, which no other connection can repair. */
class CallbackError extends Error {}

function call(work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw new CallbackError('a callback of the watch failed', { cause });
  }
}

/** Returns the version of the list. */
async function list<Raw extends WatchedObject, Kept>(options: ListThenWatchOptions<Raw, Kept>): Promise<string> {
  const { api, path, signal, keep, onListStart, onList, onCurrent } = options;
  if (onListStart) call(onListStart);
  const kept: Kept[] = [];
  let from = '';
  for (;;) {
    const query = { ...selectorsOf(options), limit: String(pageSize), ...(from !== '' && { continue: from }) };
    const { metadata, items } = await api.request<List<Raw>>('GET', path, { query, signal });
    // A proxy in front of the server can respond with something else, and 200.
    if (metadata?.resourceVersion === undefined || !Array.isArray(items)) throw new Error('the response is not a list');
    for (const item of items) {
      const object = keep(item);
      if (object !== undefined) kept.push(object);
    }
    from = metadata.continue ?? '';
    if (from !== '') continue;
    call(() => {
      onList(kept);
      onCurrent?.();
    });
    return metadata.resourceVersion;
  }
}

/** Yields the version after each event. */
async function* watch<Raw extends WatchedObject, Kept>(
  options: ListThenWatchOptions<Raw, Kept>,
  version: string,
): AsyncGenerator<string> {
  const { api, path, signal, keep, onChange, onDelete, onCurrent, clock = systemClock } = options;
  const silent = new AbortController();
  const end = () => silent.abort(new Error(`the watch was silent for ${silenceMs / 1000} s`));
  using silence = listenForSilence(clock, silenceMs, end);
  const query = {
    ...selectorsOf(options),
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: version,
    timeoutSeconds: String(watchSeconds),
  };
  const either = AbortSignal.any([signal, silent.signal]);
  const stream = await api.stream(path, { query, signal: either, headersTimeoutMs });
  for await (const { type, object } of readEvents(stream)) {
    silence.heard();
    const raw = object as unknown as Raw;
    if (raw.metadata?.resourceVersion === undefined) throw new Error('the watch sent an object without a version');
    const kept = type === 'BOOKMARK' ? undefined : keep(raw);
    call(() => {
      if (kept !== undefined) (type === 'DELETED' ? onDelete : onChange)(kept);
      onCurrent?.();
    });
    yield raw.metadata.resourceVersion;
  }
}

function selectorsOf({ labelSelector, fieldSelector }: { labelSelector?: string; fieldSelector?: string }) {
  return {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}
