import * as v from 'valibot';
import { Backoff } from '../lib/backoff.ts';
import { tryParseJson } from '../lib/json.ts';
import { sleep as realSleep, type Sleep } from '../lib/sleep.ts';
import { ConnectionError, isTransient } from './errors.ts';
import { EventTooLargeError, parseEventStream, type ServerSentEvent } from './event-stream.ts';
import { knownFields } from './fields.ts';
import { type ApiEndpoint, openEventStream } from './http.ts';

const TurnLog = knownFields({ Timestamp: v.string(), Message: v.string() });

export interface TurnLogEntry {
  /** The position in the log of the turn. */
  index: number;
  /** RFC 3339. */
  timestamp: string;
  message: string;
}

export interface TurnLogOptions {
  signal?: AbortSignal | undefined;
  sleep?: Sleep;
}

const defaultRetryMs = 1000;
// Consecutive failures, which take about half a minute.
const maxFailures = 10;

/**
 * Yields the entries of a turn's log at `path`, in order and each once, until the turn is finished. Resumes a broken
 * stream.
 * @throws ApiError or ConnectionError if the server stays unreachable; the signal's reason if aborted
 */
export async function* streamTurnLogs(
  endpoint: ApiEndpoint,
  path: string,
  { signal, sleep = realSleep }: TurnLogOptions = {},
): AsyncGenerator<TurnLogEntry, void> {
  const failures = new Backoff({ minMs: 250, maxMs: 5000 });
  let lastIndex = -1;
  let retryMs = defaultRetryMs;
  for (;;) {
    let pauseMs = 0;
    try {
      const resume = lastIndex < 0 ? {} : { lastEventId: `${lastIndex}` };
      const chunks = await openEventStream(endpoint, { path, signal, ...resume });
      if (chunks === undefined) return;
      failures.reset();
      for await (const event of parseEventStream(chunks)) {
        retryMs = event.retryMs ?? retryMs;
        const entry = parseEntry(event);
        if (entry === undefined || entry.index <= lastIndex) continue;
        lastIndex = entry.index;
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

/** Returns undefined for other events, which a newer server may send. */
function parseEntry(event: ServerSentEvent): TurnLogEntry | undefined {
  if (event.type !== 'log' || !/^\d+$/.test(event.lastEventId)) return undefined;
  const result = v.safeParse(TurnLog, tryParseJson(event.data));
  if (!result.success) return undefined;
  return { index: Number(event.lastEventId), timestamp: result.output.Timestamp, message: result.output.Message };
}
