import type { Events } from '../core/events.ts';
import { followTurn, type Growing, isExhausted } from '../core/follow-turn.ts';
import type { Timing } from '../core/timing.ts';
import { badRequest } from '../http/errors.ts';
import { type ApiRequest, noContent, type Reply } from '../http/route.ts';
import { eventStreamHeaders, type StreamedEvent, sendEventStream } from '../http/send-event-stream.ts';
import type { Store } from '../store/store.ts';

export interface StreamDeps {
  store: Pick<Store, 'isTurnFinished'>;
  events: Events;
  timing: Timing;
}

interface TurnStream<Entry> extends Growing<Entry> {
  /** The meaning of `Last-Event-ID`, for its error. */
  what: string;
  /** The position before the first entry. */
  beforeFirst: number;
  eventOf: (entry: Entry) => StreamedEvent;
}

/** The limits of one read of a stream, which stays in memory while its client reads slowly. */
export const streamBatch = { entries: 500, chars: 128 * 1024 };

/** Responds with an event stream that ends with the turn, or with 204 if nothing is left of it. @throws HttpError 400 */
export function streamTurn<Entry>(
  deps: StreamDeps,
  { headers, signal }: Pick<ApiRequest, 'headers' | 'signal'>,
  { what, beforeFirst, eventOf, ...growing }: TurnStream<Entry>,
): Reply {
  let after = lastEventId(headers, what) ?? beforeFirst;
  if (isExhausted(deps.store, growing, after)) return noContent;
  // Such as after a restore of the server. The entries up to that position would never be sent.
  if (after > beforeFirst && growing.read(after - 1).length === 0) {
    // Some clients send 0 for none.
    if (after > 0) throw badRequest('Last-Event-ID is beyond the end of this stream; omit it to read all of it');
    after = beforeFirst;
  }
  const batches = followTurn(deps, growing, { after, signal });
  const keepAliveMs = deps.timing.logStreamKeepAliveMs;
  return {
    status: 200,
    headers: eventStreamHeaders,
    stream: (response) => sendEventStream(response, batches, { eventOf, keepAliveMs, signal }),
  };
}

function lastEventId(headers: ApiRequest['headers'], what: string): number | undefined {
  const header = headers['last-event-id'];
  if (header === undefined || header === '') return undefined;
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header);
  throw badRequest(`Last-Event-ID must be ${what}`);
}
