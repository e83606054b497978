import { isTerminalStatus } from '../../plan42/turn-status.ts';
import type { Store } from '../store/store.ts';
import type { IndexedTurnLog } from '../store/turn-logs.ts';
import type { TurnKey } from '../store/turns.ts';
import type { Events } from './events.ts';

interface FollowDeps {
  store: Pick<Store, 'turns' | 'turnLogs'>;
  events: Events;
}

const batchSize = 500;

/** Returns whether the turn is finished and has no entries after `after`. */
export function isExhausted({ turns, turnLogs }: FollowDeps['store'], turn: TurnKey, after: number): boolean {
  return isFinished(turns, turn) && turnLogs.after(turn, after, 1).length === 0;
}

/**
 * Yields the log entries after index `after` in batches: the stored ones, then new ones as they arrive, until the turn is
 * finished. @throws the signal's reason
 */
export async function* followTurnLogs(
  { store, events }: FollowDeps,
  { turn, after, signal }: { turn: TurnKey; after: number; signal: AbortSignal },
): AsyncGenerator<IndexedTurnLog[], void> {
  const changes = watchTurn(events, turn, signal);
  try {
    for (let sent = after; ; ) {
      const wasFinished = isFinished(store.turns, turn);
      const changed = changes.next();
      for (;;) {
        signal.throwIfAborted();
        const batch = store.turnLogs.after(turn, sent, batchSize);
        if (batch.length === 0) break;
        sent = batch.at(-1)?.Index ?? sent;
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
function watchTurn(events: Events, turn: TurnKey, signal: AbortSignal) {
  let current = Promise.withResolvers<void>();
  const listener = ({ TenantId, TaskId, TurnIndex }: TurnKey) => {
    if (TaskId === turn.TaskId && TurnIndex === turn.TurnIndex && TenantId === turn.TenantId) current.resolve();
  };
  const abort = () => current.reject(signal.reason);
  events.on('turnChanged', listener);
  signal.addEventListener('abort', abort, { once: true });
  return {
    next: () => {
      current = Promise.withResolvers<void>();
      // It may reject while nothing awaits it yet.
      current.promise.catch(() => {});
      return current.promise;
    },
    stop: () => {
      events.off('turnChanged', listener);
      signal.removeEventListener('abort', abort);
    },
  };
}

function isFinished(turns: Store['turns'], turn: TurnKey): boolean {
  return isTerminalStatus(turns.find(turn)?.Status);
}
