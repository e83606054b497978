export interface LogEntry {
  Timestamp: string;
  Message: string;
}

// The server's limits on one upload, where an entry counts as its bytes and 120 more.
const maxEntries = 500;
const maxBytes = 1_048_576;
const entryOverheadBytes = 120;
const maxMessageCharacters = 100_000;

/** A log line as it is uploaded; one that no batch could hold is cut. */
export function logEntry(message: string, now = new Date()): LogEntry {
  const cut = message.length > maxMessageCharacters ? `${message.slice(0, maxMessageCharacters)}…` : message;
  return { Timestamp: now.toISOString(), Message: cut };
}

/** How many of the first entries fit into one upload. */
export function batchLength(entries: readonly LogEntry[]): number {
  let bytes = 0;
  let length = 0;
  for (const { Message } of entries.slice(0, maxEntries)) {
    bytes += Buffer.byteLength(Message) + entryOverheadBytes;
    if (bytes > maxBytes) break;
    length += 1;
  }
  return length;
}
