import type { Writable } from 'node:stream';
import { printableOutput, withoutOverwritten } from '../lib/printable.ts';
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
// A program that never ends its line must not fill the memory.
const maxHeld = 64 * 1024;

/** Writes a log as it arrives, made safe for a terminal. Chunks may split characters. */
async function printLog(chunks: AsyncIterable<Uint8Array>, out: Writable, signal: AbortSignal): Promise<void> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held = '';
  let isMidLine = false;
  const show = async (text: string) => {
    if (text === '') return;
    const restarts = isMidLine && isProgress(text.split('\n', 1)[0] ?? '');
    await print(out, `${restarts ? '\n' : ''}${printableOutput(text)}`, signal);
    isMidLine = !text.endsWith('\n');
  };
  for await (const chunk of chunks) {
    const text = held + decoder.decode(chunk, { stream: true });
    held = heldBack(text);
    await show(text.slice(0, text.length - held.length));
    if (!isProgress(held)) continue;
    // Only its last state, so that a bar that moves for hours stays short.
    const start = held.lastIndexOf('\r');
    held = `\r${withoutOverwritten(held.slice(0, start))}${held.slice(start)}`;
    if (held.length < maxHeld) continue;
    await show(held);
    held = '';
  }
  await show(held + decoder.decode());
}

/** The end of `text` that cannot be shown yet: half a sequence, or a progress bar whose line has not ended. */
function heldBack(text: string): string {
  const line = text.slice(text.lastIndexOf('\n') + 1);
  if (isProgress(line)) return line;
  return incomplete.exec(text)?.[0] ?? '';
}

function isProgress(line: string): boolean {
  return line.slice(0, -1).includes('\r');
}
