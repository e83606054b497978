/** The log of a turn within its limits. */
import type { TurnLog } from '../store/turn-logs.ts';
import type { TurnKey } from '../store/turns.ts';
import { formatLimit, limits } from './limits.ts';
import type { TurnDeps } from './turns.ts';

// Clients count as much for each entry.
const entryBytes = 120;

/** Returns whether an upload may begin at `index`. Some clients start at 0, others at 1. */
export function isNextIndex({ store }: TurnDeps, turn: TurnKey, index: number): boolean {
  const last = store.turnLogs.last(turn);
  if (!last) return index <= 1;
  // Clients count the entries that were not stored.
  return store.turnLogs.state(turn).end === 'cut' ? index > last.Index : index === last.Index + 1;
}

/**
 * Appends entries, in the caller's transaction. A log that reaches its limit ends with an entry that says so, and further
 * entries are not stored: a client must not fail because it writes much.
 */
export function appendTurnLogs({ store }: TurnDeps, turn: TurnKey, index: number, logs: readonly TurnLog[]): void {
  const { turnLogs } = store;
  let { bytes, end } = turnLogs.state(turn);
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
  turnLogs.setState(turn, { bytes, end });
}

const cutMessage =
  `The log is cut here: it has reached the limit of ${formatLimit(limits.turnLogBytes)} ` +
  `or ${formatLimit(limits.turnLogEntries)} entries. The runner keeps the job’s own log: see "plan42 runner job logs".`;
