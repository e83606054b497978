import { formatBytes } from './format-bytes.ts';

/** A body is larger than its reader accepts. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`the body is larger than ${formatBytes(maxBytes)}`);
    this.maxBytes = maxBytes;
  }
}

/** Collects the chunks of a body. Every body from another program is read with a limit. */
class ChunkReader {
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws BodyTooLargeError */
  add(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#length > this.#maxBytes) throw new BodyTooLargeError(this.#maxBytes);
    this.#chunks.push(chunk);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks, this.#length);
  }
}

/** Decodes a body as UTF-8 without a byte order mark. */
export class TextReader extends ChunkReader {
  /** @throws the failure with which the body breaks off */
  end(failure?: { error: unknown }): string {
    if (failure !== undefined) throw failure.error;
    return new TextDecoder().decode(this.bytes);
  }
}

/** Reads a whole body. @throws BodyTooLargeError */
export async function readBytes(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const reader = new ChunkReader(maxBytes);
  for await (const chunk of body) reader.add(chunk);
  return reader.bytes;
}

/** Like {@link readBytes}, decoded as UTF-8 without a byte order mark. */
export async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const reader = new TextReader(maxBytes);
  for await (const chunk of body) reader.add(chunk);
  return reader.end();
}
