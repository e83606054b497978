import type { Writable } from 'node:stream';
import { printable } from '../lib/printable.ts';
import { print } from './output.ts';

// May be the first half of a line break or of a colour.
const undecided = new RegExp(String.raw`(?:\r|${'\u001b'}(?:\[[\d;:]{0,40})?)$`);

/** Writes the content of a log, made safe for a terminal, as soon as it comes; characters may be split between pieces. */
export async function printLog(pieces: AsyncIterable<Uint8Array>, out: Writable, signal: AbortSignal): Promise<void> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held = '';
  for await (const piece of pieces) {
    const text = held + decoder.decode(piece, { stream: true });
    held = undecided.exec(text)?.[0] ?? '';
    const decided = text.slice(0, text.length - held.length);
    if (decided !== '') await print(out, printable(decided), signal);
  }
  const rest = held + decoder.decode();
  if (rest !== '') await print(out, printable(rest), signal);
}
