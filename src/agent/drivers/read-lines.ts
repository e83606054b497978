import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** The result of a tool can be a file of several megabytes. */
const maxLineLength = 32 * 1024 * 1024;

/** Calls `onLine` for each line of a stream, until it ends or breaks off. The rest of a line that is too long is dropped. */
export async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let line = '';
  const take = (text: string) => {
    const parts = text.split('\n');
    for (const part of parts.slice(0, -1)) {
      onLine(trimCarriageReturn(bounded(line, part)));
      line = '';
    }
    line = bounded(line, parts.at(-1) ?? '');
  };
  try {
    for await (const chunk of stream) take(decoder.write(chunk as Buffer));
  } catch {
    // A pipe that breaks off has no more to read.
  }
  take(decoder.end());
  if (line !== '') onLine(trimCarriageReturn(line));
}

function bounded(line: string, more: string): string {
  return line.length + more.length <= maxLineLength ? line + more : (line + more).slice(0, maxLineLength);
}

function trimCarriageReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
