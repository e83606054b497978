import { createParser } from 'eventsource-parser';

export interface ServerSentEvent {
  /** `message` by default. */
  type: string;
  data: string;
  /** The latest ID of the stream, from this event or an earlier one. Empty without one. */
  lastEventId: string;
  /** The latest reconnection time of the stream, in milliseconds. */
  retryMs: number | undefined;
}

/** Yields the events of a stream of bytes. Drops an incomplete last event. Rejects when `chunks` does. */
export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
  const decoder = new TextDecoder();
  let events: ServerSentEvent[] = [];
  let lastEventId = '';
  let retryMs: number | undefined;
  const parser = createParser({
    onId: (id) => (lastEventId = id),
    onRetry: (ms) => (retryMs = ms),
    onEvent: ({ event, data }) => events.push({ type: event || 'message', data, lastEventId, retryMs }),
  });
  for await (const chunk of chunks) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    const complete = events;
    events = [];
    yield* complete;
  }
}
