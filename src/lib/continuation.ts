import type { FileHandle } from 'node:fs/promises';

// After several cuts between two looks, only some of what was read last may be left.
const tailsBytes = [64 * 1024, 16 * 1024, 4 * 1024, 1024, 256];
// What is shorter than this has not been cut, and could be found anywhere.
const minTailBytes = 4 * 1024;
const blockBytes = 1024 * 1024;

/**
 * Where to go on in a file that has taken the place of another which has been read to its end. A log that was cut has the
 * newest part of the old one in it, and then goes on: the place is behind the old one's last bytes. A log that was begun
 * anew has nothing of the old one, and is read from its start.
 */
export async function findContinuation(old: FileHandle, replacement: FileHandle): Promise<number> {
  const { size: oldSize } = await old.stat();
  if (oldSize < minTailBytes) return 0;
  for (const bytes of tailsBytes) {
    const tail = await readRange(old, Math.max(0, oldSize - bytes), oldSize);
    const end = await findEndOf(tail, replacement);
    if (end !== undefined) return end;
  }
  return 0;
}

async function findEndOf(tail: Buffer, replacement: FileHandle): Promise<number | undefined> {
  const { size } = await replacement.stat();
  // From the end, since little is written between the replacement and the look at it.
  for (let end = size; end >= tail.length; end -= blockBytes) {
    const start = Math.max(0, end - blockBytes - tail.length);
    const at = (await readRange(replacement, start, end)).lastIndexOf(tail);
    if (at >= 0) return start + at + tail.length;
  }
  return undefined;
}

async function readRange(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.alloc(end - start);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
  return buffer.subarray(0, bytesRead);
}
