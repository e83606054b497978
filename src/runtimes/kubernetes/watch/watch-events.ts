/** Reads the events of a watch from its connection, and notices a connection that went silent. */
import type { Clock } from '../../../lib/clock.ts';
import { parseJson } from '../../../lib/json.ts';
import { KubeApiError } from '../api/kube-api.ts';

export interface WatchEvent {
  type: string;
  object: Readonly<Record<string, unknown>>;
}

/** An object in etcd is smaller than 2 MiB, so a longer line is not an event. */
const maxLineLength = 8 * 1024 * 1024;

/**
 * Yields the events of lines of JSON.
 * @throws KubeApiError for an event of the type ERROR; an error for a line that is damaged or cut off
 */
export async function* readEvents(stream: AsyncIterable<Uint8Array>): AsyncGenerator<WatchEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield parseEvent(line);
    if (rest.length > maxLineLength) throw new Error('the watch sent a line that is too long for an event');
  }
  if (rest.trim() !== '') throw new Error('the watch ended in the middle of an event');
}

function parseEvent(line: string): WatchEvent {
  let event: unknown;
  try {
    event = parseJson(line);
  } catch (cause) {
    throw new Error('the watch sent a damaged event', { cause });
  }
  if (!isRecord(event) || typeof event['type'] !== 'string' || !isRecord(event['object']))
    throw new Error('the watch sent something other than an event');
  const { type, object } = event;
  if (type === 'ERROR') throw errorOf(object);
  return { type, object };
}

function errorOf({ code, reason, message, details }: Readonly<Record<string, unknown>>): KubeApiError {
  const seconds = isRecord(details) ? details['retryAfterSeconds'] : undefined;
  return new KubeApiError(typeof message === 'string' ? message : 'the watch failed', {
    status: typeof code === 'number' ? code : 500,
    reason: typeof reason === 'string' ? reason : '',
    retryAfterMs: typeof seconds === 'number' ? seconds * 1000 : undefined,
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Calls `onSilence` once nothing was heard for `silenceMs`, until it is disposed of. */
export function listenForSilence(clock: Clock, silenceMs: number, onSilence: () => void) {
  const stop = new AbortController();
  let heardAt = clock.now();
  const wait = async () => {
    for (;;) {
      const remainingMs = heardAt + silenceMs - clock.now();
      if (remainingMs <= 0) return onSilence();
      await clock.sleep(remainingMs, stop.signal);
    }
  };
  // Rejects only when it is disposed of.
  wait().catch(() => {});
  return {
    heard: () => {
      heardAt = clock.now();
    },
    [Symbol.dispose]: () => stop.abort(),
  };
}
