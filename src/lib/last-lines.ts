const blockBytes = 64 * 1024;
const lineFeed = 0x0a;

/** A file handle, or several as one. */
interface Readable {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
}

export interface LastLines {
  /** Offset of the first of them. */
  offset: number;
  /** Their number, which is smaller than requested in a short file. Not counted if all are requested. */
  count: number;
}

/** Finds the last `wanted` lines of the first `size` bytes, reading backwards from the end. */
export async function findLastLines(file: Readable, size: number, wanted: number): Promise<LastLines> {
  if (wanted === 0 || size === 0) return { offset: size, count: 0 };
  if (wanted === Number.POSITIVE_INFINITY) return { offset: 0, count: 0 };
  const buffer = Buffer.alloc(Math.min(blockBytes, size));
  let count = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - buffer.length);
    const { bytesRead } = await file.read(buffer, 0, end - start, start);
    const block = buffer.subarray(0, bytesRead);
    // The line feed at the very end closes the last line, and begins no other.
    let at = end === size && block.at(-1) === lineFeed ? block.length - 1 : block.length;
    for (;;) {
      at = at === 0 ? -1 : block.lastIndexOf(lineFeed, at - 1);
      if (at < 0) break;
      count += 1;
      if (count === wanted) return { offset: start + at + 1, count };
    }
    end = start;
  }
  return { offset: 0, count: count + 1 };
}
