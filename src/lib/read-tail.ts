import { open } from 'node:fs/promises';

/** The last `maxBytes` of a file as one line of text; empty where there is no such file. */
export async function readTail(path: string, maxBytes: number): Promise<string> {
  return (await readEnd(path, maxBytes)).toString('utf8').trim().replaceAll(/\s+/g, ' ');
}

/** The last `maxBytes` of a file; empty where there is no such file. */
export async function readEnd(path: string, maxBytes: number): Promise<Buffer> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const length = Math.min(size, maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } catch {
    return Buffer.alloc(0);
  }
}
