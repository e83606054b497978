import { type FileHandle, stat } from 'node:fs/promises';
import { errorCode } from './errors.ts';
import { openToRead } from './read-file.ts';

const blockBytes = 256 * 1024;
// Compared to detect that a file was truncated and rewritten.
const memoryBytes = 256;

/**
 * Reads a file while other processes append to it. Continues with the new file after a rotation, and from the start after a
 * truncation. The owner disposes of it.
 */
export class FollowedFile implements AsyncDisposable {
  readonly #path: string;
  #file: FileHandle | undefined;
  #inode = 0;
  #offset = 0;
  /** The last bytes before the offset. */
  #memory = Buffer.alloc(0);

  private constructor(path: string) {
    this.#path = path;
  }

  /** @param startAt returns the offset at which to start in the current file */
  static async open(path: string, startAt: (file: FileHandle) => Promise<number>): Promise<FollowedFile> {
    const followed = new FollowedFile(path);
    const file = await openIfExists(path);
    if (file) await followed.#take(file, await startAt(file));
    return followed;
  }

  /** Whether there is something new to read. */
  async hasNewContent(): Promise<boolean> {
    const found = await statIfExists(this.#path);
    if (found === undefined) return false;
    return this.#file === undefined || found.ino !== this.#inode || found.size !== this.#offset;
  }

  /** Reads everything that is new, in chunks. */
  async *read(): AsyncGenerator<Buffer> {
    for (;;) {
      yield* this.#readToEnd();
      const replacement = await this.#openReplacement();
      if (replacement === undefined) return;
      // The writer may have used the old file until it was replaced.
      yield* this.#readToEnd();
      await this.#take(replacement, 0);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #take(file: FileHandle, offset: number): Promise<void> {
    await this.#file?.close();
    this.#file = file;
    this.#inode = (await file.stat()).ino;
    this.#offset = offset;
    this.#memory = Buffer.alloc(0);
  }

  async #openReplacement(): Promise<FileHandle | undefined> {
    const found = await statIfExists(this.#path);
    if (found === undefined || (this.#file && found.ino === this.#inode)) return undefined;
    return openIfExists(this.#path);
  }

  async *#readToEnd(): AsyncGenerator<Buffer> {
    if (this.#file === undefined) return;
    if (await this.#isRewritten(this.#file)) [this.#offset, this.#memory] = [0, Buffer.alloc(0)];
    for (;;) {
      const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(blockBytes), 0, blockBytes, this.#offset);
      if (bytesRead === 0) return;
      const bytes = buffer.subarray(0, bytesRead);
      this.#offset += bytesRead;
      this.#memory = Buffer.from(Buffer.concat([this.#memory, bytes.subarray(-memoryBytes)]).subarray(-memoryBytes));
      yield bytes;
    }
  }

  /** Whether the file was truncated, even if it has grown beyond the offset since. */
  async #isRewritten(file: FileHandle): Promise<boolean> {
    const { size } = await file.stat();
    if (size < this.#offset) return true;
    if (size === this.#offset) return false;
    const { length } = this.#memory;
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, this.#offset - length);
    return !buffer.equals(this.#memory);
  }
}

async function openIfExists(path: string): Promise<FileHandle | undefined> {
  return openToRead(path).catch(ifMissing);
}

async function statIfExists(path: string) {
  return stat(path).catch(ifMissing);
}

function ifMissing(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}
