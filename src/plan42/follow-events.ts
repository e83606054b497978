import { Backoff } from '../lib/backoff.ts';
import { sleep as realSleep, type Sleep } from '../lib/sleep.ts';
import { ConnectionError, isTransient } from './errors.ts';
import { EventTooLargeError, parseEventStream, type ServerSentEvent } from './event-stream.ts';
import { type ApiEndpoint, openEventStream } from './http.ts';

export interface FollowOptions {
  signal?: AbortSignal | undefined;
  sleep?: Sleep;
  /** By default about half a minute of consecutive failures. */
  maxFailures?: number;
}

const defaultRetryMs = 1000;
const defaultMaxFailures = 10;

/**
 * Yields the entries of an event stream whose IDs are increasing integers, in order and each once, until the server ends it
 * with a 204. Resumes a broken stream. `parse` returns undefined for events that are no entries.
 * @throws ApiError or ConnectionError if the server stays unreachable; the signal's reason if aborted
 */
export async function* followEvents<Entry>(
  endpoint: ApiEndpoint,
  path: string,
  parse: (event: ServerSentEvent, id: number) => Entry | undefined,
  { signal, sleep = realSleep, maxFailures = defaultMaxFailures }: FollowOptions = {},
): AsyncGenerator<Entry, void> {
  const failures = new Backoff({ minMs: 250, maxMs: 5000 });
  let lastId: number | undefined;
  let retryMs = defaultRetryMs;
  for (;;) {
    let pauseMs = 0;
    try {
      const resume = lastId === undefined ? {} : { lastEventId: `${lastId}` };
      const chunks = await openEventStream(endpoint, { path, signal, ...resume });
      if (chunks === undefined) return;
      failures.reset();
      for await (const event of parseEventStream(chunks)) {
        retryMs = event.retryMs ?? retryMs;
        const id = /^\d+$/.test(event.lastEventId) ? Number(event.lastEventId) : undefined;
        if (id === undefined || (lastId !== undefined && id <= lastId)) continue;
        const entry = parse(event, id);
        if (entry === undefined) continue;
        lastId = id;
        yield entry;
      }
    } catch (thrown) {
      // The same event would come again.
      if (thrown instanceof EventTooLargeError) throw new ConnectionError({ method: 'GET', path }, thrown.message);
      if (!isTransient(thrown) || failures.attempts >= maxFailures) throw thrown;
      pauseMs = failures.next();
    }
    await sleep(Math.max(retryMs, pauseMs), signal);
  }
}
