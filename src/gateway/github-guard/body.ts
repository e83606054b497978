/** Bodies of requests under review. */
import { createGunzip, type Gunzip } from 'node:zlib';
import { tryParseJson } from '../../lib/json.ts';

/** Reads the start of a body. */
interface HeadReader {
  /** @returns whether it has read enough */
  write(chunk: Uint8Array): boolean;
}

/** The body is not what its headers say. */
export class MalformedBody extends Error {
  override readonly name = 'MalformedBody';
}

export interface ReadStart {
  /** Whether the reader has read enough; false if the body ended before. */
  isComplete: boolean;
  /** The whole body as it came, compressed if it was. */
  whole: AsyncIterable<Uint8Array>;
}

/**
 * Reads the start of a body, decompressed if it is compressed, and keeps no more than that. An error comes when the body has
 * been read to its end.
 * @throws what the reader throws; MalformedBody
 */
export async function readStart(
  body: AsyncIterable<Uint8Array>,
  reader: HeadReader,
  isCompressed: boolean,
): Promise<ReadStart> {
  const source = body[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  const decoder = isCompressed ? inflate(reader) : reader;
  let isComplete = false;
  try {
    while (!isComplete) {
      const { value, done } = await source.next();
      if (done === true) {
        if ('end' in decoder) isComplete = await decoder.end();
        break;
      }
      held.push(value);
      isComplete = await decoder.write(value);
    }
  } catch (error) {
    await drain({ [Symbol.asyncIterator]: () => source });
    throw error;
  }
  return { isComplete, whole: chain(held, source) };
}

async function* chain(held: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Not `yield* held`, which would keep all of them until the end.
  for (let chunk = held.shift(); chunk !== undefined; chunk = held.shift()) yield chunk;
  yield* { [Symbol.asyncIterator]: () => rest };
}

function inflate(reader: HeadReader): { write(chunk: Uint8Array): Promise<boolean>; end(): Promise<boolean> } {
  const gunzip: Gunzip = createGunzip();
  const finished = Promise.withResolvers<boolean>();
  // It may be rejected while nothing waits for it.
  finished.promise.catch(() => {});
  const finish = (settle: () => void) => {
    settle();
    gunzip.destroy();
  };
  gunzip
    .on('data', (chunk: Buffer) => {
      try {
        if (reader.write(chunk)) finish(() => finished.resolve(true));
      } catch (error) {
        finish(() => finished.reject(error));
      }
    })
    .on('end', () => finished.resolve(false))
    .on('error', (cause) => finished.reject(new MalformedBody('it is not compressed as its header says', { cause })));
  return {
    write: (chunk) => {
      const written = new Promise<boolean>((resolve) => gunzip.write(chunk, () => resolve(false)));
      return Promise.race([finished.promise, written]);
    },
    end: () => {
      gunzip.end();
      return finished.promise;
    },
  };
}

/** Reads a body to its end without keeping it. A client may not read the response before it has sent everything. */
export async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body);
}

/** Reads a body of JSON. Undefined if it is too long, or not JSON. */
export async function readJson(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length <= maxBytes) chunks.push(chunk);
  }
  if (length > maxBytes) return undefined;
  return tryParseJson(Buffer.concat(chunks).toString());
}

/** JSON to send in place of what was read, so that the server reads exactly what was checked. */
export function jsonBody(value: unknown): { body: AsyncIterable<Uint8Array>; bodyLength: number } {
  const bytes = Buffer.from(JSON.stringify(value));
  return { body: once(bytes), bodyLength: bytes.length };
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
