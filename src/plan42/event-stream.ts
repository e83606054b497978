import { createParser, type EventSourceParser } from 'eventsource-parser';
import { formatBytes } from '../lib/format-bytes.ts';

export interface ServerSentEvent {
  /** `message` by default. */
  type: string;
  data: string;
  /** The latest ID of the stream, from this event or an earlier one. Empty without one. */
  lastEventId: string;
  /** The latest reconnection time of the stream, in milliseconds. */
  retryMs: number | undefined;
}

// An entry of a log has at most 1 MB, and JSON may escape each byte as six.
const maxEventLength = 16 * 1024 * 1024;

/** An event of a stream is larger than any that our server sends. */
export class EventTooLargeError extends Error {
  override readonly name = 'EventTooLargeError';

  constructor() {
    super(`an event is larger than ${formatBytes(maxEventLength)}`);
  }
}

/**
 * Yields the events of a stream of bytes. Drops an incomplete last event. Rejects when `chunks` does.
 * @throws EventTooLargeError
 */
export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
  const decoder = new TextDecoder();
  let events: ServerSentEvent[] = [];
  let lastEventId = '';
  let retryMs: number | undefined;
  // Without onError: the parser would make an Error for each unknown line of a stream.
  const parser = createParser({
    maxBufferSize: maxEventLength,
    onId: (id) => (lastEventId = id),
    onRetry: (ms) => (retryMs = ms),
    onEvent: ({ event, data }) => events.push({ type: event || 'message', data, lastEventId, retryMs }),
  });
  for await (const chunk of chunks) {
    feed(parser, decoder.decode(chunk, { stream: true }));
    const complete = events;
    events = [];
    yield* complete;
  }
  feed(parser, '');
}

function feed(parser: EventSourceParser, text: string): void {
  try {
    parser.feed(text);
  } catch {
    // It throws only after its buffer was too small for the texts before.
    throw new EventTooLargeError();
  }
}
