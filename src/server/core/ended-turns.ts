/** Finds turns that no longer need their jobs, and waits for them. */
import type { EndedTurn } from '../../plan42/ended-turns.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import type { Store } from '../store/store.ts';
import type { TurnKey } from '../store/turns.ts';
import type { Events } from './events.ts';

interface EndedTurnsDeps {
  store: Pick<Store, 'turns' | 'tasks'>;
  events: Events;
}

/**
 * Returns those of `turns` that have ended, waiting up to `waitMs` for the first. `instanceId` is that of the
 * runner that makes the call, if known.
 * @throws the signal's reason
 */
export async function endedTurns(
  deps: EndedTurnsDeps,
  turns: readonly TurnKey[],
  { instanceId, waitMs, signal }: { instanceId: string | undefined; waitMs: number; signal: AbortSignal },
): Promise<EndedTurn[]> {
  const find = () => turns.flatMap((turn) => endedTurn(deps.store, turn, instanceId) ?? []);
  const already = find();
  if (already.length > 0 || waitMs === 0) return already;
  await anyChange(deps.events, turns, find, waitMs, signal);
  return find();
}

/** Resolves when `find` finds something after a change of one of the turns, or after `waitMs`. */
async function anyChange(
  events: Events,
  turns: readonly TurnKey[],
  find: () => readonly unknown[],
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason as Error);
  const listener = () => {
    if (find().length > 0) resolve();
  };
  const timer = setTimeout(resolve, waitMs);
  using listeners = new DisposableStack();
  for (const turn of turns) listeners.use(events.onTurn('turnChanged', turn, listener));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

function endedTurn(
  store: EndedTurnsDeps['store'],
  key: TurnKey,
  instanceId: string | undefined,
): EndedTurn | undefined {
  const { TaskId, TurnIndex } = key;
  const turn = store.turns.find(key);
  if (turn && isTerminalStatus(turn.Status)) {
    const { Status, ErrorMessage, EndedBy } = turn;
    return { TaskId, TurnIndex, Reason: 'Finished', Status, ErrorMessage, EndedBy };
  }
  if (!turn || store.tasks.find(key)?.Deleted !== false) return { TaskId, TurnIndex, Reason: 'Deleted' };
  const isElsewhere = instanceId !== undefined && turn.InstanceId !== undefined && turn.InstanceId !== instanceId;
  return isElsewhere ? { TaskId, TurnIndex, Reason: 'Moved', Machine: turn.Machine } : undefined;
}
