import assert from 'node:assert/strict';
import { droppedBytes } from './job-log.ts';

/** How many bytes `seq 1 LAST` writes before the line of `line`. */
function bytesBefore(line: number): number {
  let bytes = 0;
  for (let digits = 1, first = 1; first < line; digits += 1, first *= 10) {
    bytes += (Math.min(line, first * 10) - first) * (digits + 1);
  }
  return bytes;
}

/**
 * That the log holds the lines from some line on to `last`, as `seq` writes them, each once; and that when the first ones
 * are missing, the first line says exactly how many bytes those were, with the `leadingBytes` before them. Returns that number.
 */
export function assertLinesTo(last: number, log: string, leadingBytes = 0): number {
  const lines = log.split('\n');
  assert.equal(lines.pop(), '', 'the last line is whole');
  const cut = droppedBytes(log);
  if (cut > 0) lines.shift();
  const first = Number(lines[0]);
  assert.equal(cut, cut > 0 ? leadingBytes + bytesBefore(first) : 0, `the lines from ${first} on are there`);
  // One by one, as a message with all of them would be of no use.
  lines.forEach((line, index) => {
    if (line !== String(first + index)) assert.fail(`after line ${first + index - 1} comes ${JSON.stringify(line)}`);
  });
  assert.equal(first + lines.length - 1, last);
  return cut;
}
