import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Writes `text`, and waits while the reader is behind. Rejects when `signal` is aborted meanwhile. */
export async function print(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!stream.write(text)) await once(stream, 'drain', { signal });
}

/**
 * JSON for people and programs. DEL and the C1 control characters, which JSON lets through, are escaped too: a terminal
 * obeys them.
 */
export function renderJson(value: unknown): string {
  const json = JSON.stringify(value, null, 2);
  return `${json.replaceAll(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)}\n`;
}
