import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

// Without a retry time the Go client reconnects in a busy loop when a stream ends.
const retryMs = 1000;

export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  // A proxy must neither compress the stream, which delays events, nor keep it.
  'cache-control': 'no-cache, no-transform',
  // nginx collects a response by default until it is complete.
  'x-accel-buffering': 'no',
};

interface StreamOptions<Entry> {
  eventOf: (entry: Entry) => StreamedEvent;
  keepAliveMs: number;
  signal: AbortSignal;
}

export interface StreamedEvent {
  event: string;
  /** Sent as JSON. */
  data: object;
  id: number;
}

/**
 * Sends entries as server-sent events until `batches` ends. The client then reconnects, and gets a 204 if the turn
 * is finished. Rejects with the signal's reason.
 */
export async function sendEventStream<Entry>(
  response: ServerResponse,
  batches: AsyncIterable<Entry[]>,
  { eventOf, keepAliveMs, signal }: StreamOptions<Entry>,
): Promise<void> {
  response.writeHead(200, eventStreamHeaders);
  // Sent before the first event, so that the client knows that it is connected.
  response.flushHeaders();
  const keepAlive = setInterval(() => {
    // For a client that does not read, they would collect in memory.
    if (!response.writableNeedDrain) response.write(': keep-alive\n\n');
  }, keepAliveMs);
  try {
    for await (const batch of batches) {
      // A client that does not read must not make the server buffer the whole log.
      if (!response.write(formatBatch(batch, eventOf))) await once(response, 'drain', { signal });
    }
    response.end();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    clearInterval(keepAlive);
  }
}

// Clients that follow the same log get the same arrays.
const formatted = new WeakMap<readonly unknown[], Buffer>();

function formatBatch<Entry>(batch: readonly Entry[], eventOf: (entry: Entry) => StreamedEvent): Buffer {
  const known = formatted.get(batch);
  if (known !== undefined) return known;
  const bytes = Buffer.from(batch.map((entry) => formatEvent(eventOf(entry))).join(''));
  formatted.set(batch, bytes);
  return bytes;
}

function formatEvent({ event, data, id }: StreamedEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\nid: ${id}\nretry: ${retryMs}\n\n`;
}
