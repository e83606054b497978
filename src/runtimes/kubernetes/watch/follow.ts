/** List-then-watch of one kind of object, for as long as it is needed. */
import { formatError, isAbort } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import { type KubeApi, KubeApiError } from '../api/kube-api.ts';
import { readLines } from './read-lines.ts';

export interface Followed {
  metadata: { name: string; uid: string; resourceVersion?: string };
}

export interface FollowOptions<T extends Followed> {
  api: KubeApi;
  /** The path of the list. */
  path: string;
  labelSelector: string;
  /** Before each complete list. */
  onListStart: () => void;
  /** A complete list: all else is gone. */
  onList: (objects: readonly T[]) => void;
  onChange: (object: T) => void;
  onDelete: (object: T) => void;
  logger: Logger;
  signal: AbortSignal;
}

/** The server ends a watch after this time, and another continues where it ended. */
const watchSeconds = 50;
/** A connection that is silent for longer is given up: the server would have ended the watch. */
const silenceMs = 60_000;
const minBackoffMs = 100;
const maxBackoffMs = 10_000;
const pageSize = 500;

interface List<T> {
  metadata: { resourceVersion: string; continue?: string };
  items: T[];
}

type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: Followed }
  | { type: 'ERROR'; object: { code?: number; reason?: string; message?: string } };

/** Rejects only with the reason of the signal. */
export async function follow<T extends Followed>(options: FollowOptions<T>): Promise<never> {
  const { logger, signal, path } = options;
  let version: string | undefined;
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    try {
      version ??= await list(options);
      for await (const next of watch(options, version)) {
        version = next;
        failures = 0;
      }
      failures = 0;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      signal.throwIfAborted();
      if (error instanceof KubeApiError && error.status === 410) {
        version = undefined;
        // The list is the remedy.
        if (failures++ === 0) continue;
      }
      failures += 1;
      const waitMs = backoffMs(error, failures);
      logger.debug('cannot watch cluster, retrying', { path, reason: formatError(error), wait_ms: Math.round(waitMs) });
      if (failures === 5) logger.warn('cannot watch cluster, retrying', { path, error });
      await sleep(waitMs, signal);
    }
  }
}

/** With jitter, so that the runners of a cluster do not all return at once. */
function backoffMs(error: unknown, failures: number): number {
  const asked = error instanceof KubeApiError ? (error.retryAfterMs ?? 0) : 0;
  const own = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(failures, 10));
  return Math.min(maxBackoffMs, asked) + own * (0.5 + Math.random() / 2);
}

async function list<T extends Followed>({ api, path, ...options }: FollowOptions<T>): Promise<string> {
  const { labelSelector, signal, onListStart, onList } = options;
  onListStart();
  const objects: T[] = [];
  let from = '';
  for (;;) {
    const query = { labelSelector, limit: String(pageSize), ...(from !== '' && { continue: from }) };
    const { metadata, items } = await api.request<List<T>>('GET', path, { query, signal });
    objects.push(...items);
    from = metadata.continue ?? '';
    if (from !== '') continue;
    onList(objects);
    return metadata.resourceVersion;
  }
}

/** Yields the version after each event. */
async function* watch<T extends Followed>(
  { api, path, labelSelector, signal, onChange, onDelete }: FollowOptions<T>,
  version: string,
): AsyncGenerator<string> {
  const stalled = new AbortController();
  const query = {
    labelSelector,
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: version,
    timeoutSeconds: String(watchSeconds),
  };
  const stream = await api.stream(path, { query, signal: AbortSignal.any([signal, stalled.signal]) });
  const onSilence = () => stalled.abort(new Error(`the watch was silent for ${silenceMs / 1000} s`));
  for await (const line of readLines(stream, { silenceMs, onSilence })) {
    const event = JSON.parse(line) as WatchEvent<T>;
    if (event.type === 'ERROR') {
      const { code = 500, reason = '', message = 'the watch failed' } = event.object;
      throw new KubeApiError(message, { status: code, reason });
    }
    if (event.type === 'DELETED') onDelete(event.object);
    else if (event.type !== 'BOOKMARK') onChange(event.object);
    yield event.object.metadata.resourceVersion ?? version;
  }
}
