/** The log of a turn within its limits. */
import type { TurnLog } from '../store/turn-logs.ts';
import type { TurnKey } from '../store/turns.ts';
import { formatLimit, limits } from './limits.ts';
import type { TurnDeps } from './turns.ts';

// Clients count as much for each entry.
const entryBytes = 120;

/**
 * The number of entries that a client does not count in its indexes. An agent counts its own only, because the runner may add
 * entries at any time.
 */
export function uncountedLogs({ store }: Pick<TurnDeps, 'store'>, turn: TurnKey, isAgent: boolean): number {
  return isAgent ? store.turnLogs.state(turn).runnerLogs : 0;
}

/** Returns whether an upload may begin at `index`. Some clients start at 0, others at 1. */
export function isNextIndex({ store }: TurnDeps, turn: TurnKey, index: number, uncounted = 0): boolean {
  const last = (store.turnLogs.last(turn)?.Index ?? -1) - uncounted;
  if (last < 0) return index <= 1;
  // Clients count the entries that were not stored.
  return store.turnLogs.state(turn).end === 'cut' ? index > last : index === last + 1;
}

/**
 * Appends entries, in the caller's transaction. A log that reaches its limit ends with an entry that says so, and further
 * entries are not stored: a client must not fail because it writes much.
 */
export function appendTurnLogs({ store }: TurnDeps, turn: TurnKey, index: number, logs: readonly TurnLog[]): void {
  append(store, turn, index, logs, false);
}

/** Appends entries of the runner, in the caller's transaction. */
export function appendRunnerLogs({ store }: TurnDeps, turn: TurnKey, logs: readonly TurnLog[]): void {
  append(store, turn, (store.turnLogs.last(turn)?.Index ?? -1) + 1, logs, true);
}

function append(
  { turnLogs }: TurnDeps['store'],
  turn: TurnKey,
  index: number,
  logs: readonly TurnLog[],
  isRunner: boolean,
): void {
  let { bytes, end, runnerLogs } = turnLogs.state(turn);
  if (end === 'cut') return;
  const fitting: TurnLog[] = [];
  for (const log of logs) {
    bytes += Buffer.byteLength(log.Message) + entryBytes;
    if (bytes > limits.turnLogBytes.max || index + fitting.length >= limits.turnLogEntries.max) {
      fitting.push({ Timestamp: log.Timestamp, Message: cutMessage });
      end = 'cut';
      break;
    }
    fitting.push(log);
  }
  turnLogs.append(turn, index, fitting);
  if (isRunner) runnerLogs += fitting.length;
  turnLogs.setState(turn, { bytes, end, runnerLogs });
}

const cutMessage =
  `The log is cut here: it has reached the limit of ${formatLimit(limits.turnLogBytes)} ` +
  `or ${formatLimit(limits.turnLogEntries)} entries. The runner keeps the job’s own log: see "plan42 runner job logs".`;
