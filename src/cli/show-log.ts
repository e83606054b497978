import type { Writable } from 'node:stream';
import { printable } from '../lib/printable.ts';
import type { CliContext } from './context.ts';
import { print } from './output.ts';
import { throughPager } from './pager.ts';

export interface ShowLogOptions {
  follow?: boolean;
  lines?: number;
  pager?: boolean;
}

// Like tail -f.
const defaultFollowLines = 10;

/** Prints a log, in a pager on a terminal. With `follow`, waits for new lines. */
export async function showLog(
  context: CliContext,
  { follow = false, lines, pager = true }: ShowLogOptions,
  read: (options: { lines: number; follow: boolean; signal: AbortSignal }) => AsyncIterable<Buffer>,
): Promise<void> {
  await throughPager(context, pager && !follow, (out, signal) => {
    const wanted = lines ?? (follow ? defaultFollowLines : Number.POSITIVE_INFINITY);
    return printLog(read({ lines: wanted, follow, signal }), out, signal);
  });
}

// May be the first half of a line break or of a colour sequence.
// oxlint-disable-next-line plan42/linear-regex -- bounded: an escape and at most 40 characters
const incomplete = new RegExp(String.raw`(?:\r|${'\u001b'}(?:\[[\d;:]{0,40})?)$`);

/** Writes a log as it arrives, made safe for a terminal. Chunks may split characters. */
async function printLog(chunks: AsyncIterable<Uint8Array>, out: Writable, signal: AbortSignal): Promise<void> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held = '';
  for await (const chunk of chunks) {
    const text = held + decoder.decode(chunk, { stream: true });
    held = incomplete.exec(text)?.[0] ?? '';
    const complete = text.slice(0, text.length - held.length);
    if (complete !== '') await print(out, printable(complete), signal);
  }
  const rest = held + decoder.decode();
  if (rest !== '') await print(out, printable(rest), signal);
}
