import { systemClock } from '../../lib/clock.ts';

export interface LogEntry {
  Timestamp: string;
  Message: string;
}

// The server's limits for one upload. An entry counts as its bytes plus 120.
const maxEntries = 500;
const maxBytes = 1_048_576;
const entryOverheadBytes = 120;
const maxMessageCharacters = 100_000;

/** Returns a log line as an entry, truncated if it exceeds the limit of a batch. */
export function logEntry(message: string, now = systemClock.date()): LogEntry {
  const truncated = message.length > maxMessageCharacters ? `${message.slice(0, maxMessageCharacters)}…` : message;
  return { Timestamp: now.toISOString(), Message: truncated };
}

/** Returns how many of the first entries fit into one upload. */
export function batchLength(entries: readonly LogEntry[]): number {
  let bytes = 0;
  let length = 0;
  for (const entry of entries.slice(0, maxEntries)) {
    bytes += entryBytes(entry);
    if (bytes > maxBytes) break;
    length += 1;
  }
  return length;
}

/** Returns what an entry counts for in an upload. */
export function entryBytes({ Message }: LogEntry): number {
  return Buffer.byteLength(Message) + entryOverheadBytes;
}
