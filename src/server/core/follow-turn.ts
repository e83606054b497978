import type { Store } from '../store/store.ts';
import type { TurnKey } from '../store/turns.ts';
import type { Events } from './events.ts';

interface FollowDeps {
  store: Pick<Store, 'isTurnFinished'>;
  events: Events;
}

/** Something that grows until the turn is finished, such as its log. */
export interface Growing<Entry> {
  turn: TurnKey;
  /** The event that is emitted when there are more entries. */
  event: 'turnChanged' | 'turnEventAdded';
  /** Returns the next entries after a position. */
  read: (after: number) => Entry[];
  positionOf: (entry: Entry) => number;
}

/** Returns whether the turn is finished and has no entries after `after`. */
export function isExhausted<Entry>(
  store: Pick<Store, 'isTurnFinished'>,
  { turn, read }: Growing<Entry>,
  after: number,
): boolean {
  return store.isTurnFinished(turn) && read(after).length === 0;
}

/**
 * Yields the entries after a position in batches: the stored ones, then new ones as they arrive, until the turn is finished.
 * @throws the signal's reason
 */
export async function* followTurn<Entry>(
  { store, events }: FollowDeps,
  { turn, event, read, positionOf }: Growing<Entry>,
  { after, signal }: { after: number; signal: AbortSignal },
): AsyncGenerator<Entry[], void> {
  const changes = watchTurn(events, new Set(['turnChanged', event] as const), turn, signal);
  try {
    for (let sent = after; ; ) {
      const wasFinished = store.isTurnFinished(turn);
      const changed = changes.next();
      for (;;) {
        signal.throwIfAborted();
        const batch = read(sent);
        const last = batch.at(-1);
        if (last === undefined) break;
        sent = positionOf(last);
        yield batch;
      }
      if (wasFinished) return;
      await changed;
    }
  } finally {
    changes.stop();
  }
}

/** Watches one turn: the promise of `next` resolves on the first change after the call, or rejects on abort. */
function watchTurn(events: Events, names: ReadonlySet<Growing<unknown>['event']>, turn: TurnKey, signal: AbortSignal) {
  let current = Promise.withResolvers<void>();
  const abort = () => current.reject(signal.reason);
  const listeners = new DisposableStack();
  for (const name of names) listeners.use(events.onTurn(name, turn, () => current.resolve()));
  signal.addEventListener('abort', abort, { once: true });
  return {
    next: () => {
      current = Promise.withResolvers<void>();
      // It may reject while nothing awaits it yet.
      current.promise.catch(() => {});
      return current.promise;
    },
    stop: () => {
      listeners.dispose();
      signal.removeEventListener('abort', abort);
    },
  };
}
