import { Backoff } from '../../lib/backoff.ts';
import { parseEventStream, type ServerSentEvent } from '../../plan42/event-stream.ts';
import type { TurnLogEntry } from '../../plan42/turn-logs.ts';
import { type Api, CallError } from './api.ts';
import { pause } from './pause.ts';

const retryMs = 500;
const limits = { minMs: 250, maxMs: 5000 };

/**
 * The entries of a turn's log behind the one with the index `after`, as they come, until the turn is over. A stream that is
 * cut off goes on where it was.
 * @throws CallError when the server refuses; the signal's reason
 */
export async function* followLog(
  api: Api,
  path: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<TurnLogEntry, void> {
  const backoff = new Backoff(limits);
  for (let last = after; ; ) {
    try {
      const stream = await api.openStream(path, last, signal);
      if (!stream) return;
      for await (const event of parseEventStream(chunksOf(stream))) {
        backoff.reset();
        const entry = entryOf(event);
        if (!entry || entry.index <= last) continue;
        last = entry.index;
        yield entry;
      }
    } catch (error) {
      signal.throwIfAborted();
      throwIfFinal(error);
    }
    await pause(retryMs + backoff.next(), signal);
  }
}

/** Where to begin so that no more than the newest `count` entries come. */
export async function startOfNewest(api: Api, path: string, count: number, signal: AbortSignal): Promise<number> {
  for (const backoff = new Backoff(limits); ; ) {
    try {
      const { Index } = await api.call<{ Index: number }>('GET', `${path}/last`, { signal });
      return Math.max(-1, Index - count);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CallError && error.status === 404) return -1;
      throwIfFinal(error);
    }
    await pause(retryMs + backoff.next(), signal);
  }
}

function throwIfFinal(error: unknown): void {
  if (error instanceof CallError && error.status < 500) throw error;
}

// Not every browser can iterate over a stream itself.
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

function entryOf({ type, data, lastEventId }: ServerSentEvent): TurnLogEntry | undefined {
  if (type !== 'log') return undefined;
  const { Timestamp, Message } = JSON.parse(data) as { Timestamp: string; Message: string };
  return { index: Number(lastEventId), timestamp: Timestamp, message: Message };
}
