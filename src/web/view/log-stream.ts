import { Backoff } from '../../lib/backoff.ts';
import { sleep } from '../../lib/sleep.ts';
import { parseEventStream, type ServerSentEvent } from '../../plan42/event-stream.ts';
import type { TurnLogEntry } from '../../plan42/turn-logs.ts';
import { type Api, CallError } from './api.ts';

const retryMs = 500;
const limits = { minMs: 250, maxMs: 5000 };

/**
 * Yields the entries of a turn's log after the one with the index `after`, as they arrive, until the turn finishes.
 * Reconnects a broken stream and resumes it.
 * @throws CallError if the server rejects the call, or the signal's reason
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
    await sleep(retryMs + backoff.next(), signal);
  }
}

/** Returns the index after which at most the newest `count` entries follow. */
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
    await sleep(retryMs + backoff.next(), signal);
  }
}

function throwIfFinal(error: unknown): void {
  if (error instanceof CallError && error.status < 500) throw error;
}

// Not every browser can iterate over a stream.
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
