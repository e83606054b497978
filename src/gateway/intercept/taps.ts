import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { ResponseTap } from './hooks.ts';

/** The body of a response as its taps leave it. Each chunk is passed on at once. */
export function tapped(incoming: Readable, taps: readonly ResponseTap[], response: ServerResponse): Readable {
  return taps.reduce<Readable>((source, tap) => {
    const stream = Readable.from(pass(source, tap), { objectMode: false });
    // Also if the client has gone: then the tap ends, too.
    response.once('close', () => stream.destroy());
    // A body that was cut ends the response elsewhere.
    return stream.on('error', () => {});
  }, incoming);
}

async function* pass(source: Readable, tap: ResponseTap): AsyncGenerator<Uint8Array> {
  let isComplete = false;
  let rest: Uint8Array | undefined;
  try {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      const result = tap.write(chunk);
      const passed = tap.changes ? result : chunk;
      if (passed !== undefined && passed.length > 0) yield passed;
    }
    isComplete = true;
  } finally {
    rest = await tap.end(isComplete);
  }
  if (tap.changes && rest !== undefined && rest.length > 0) yield rest;
}
