import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchLength, entryBytes, type LogEntry } from './log-batch.ts';

// A few uploads.
const defaultMemoryBytes = 8 * 1024 * 1024;
const chunkBytes = 2 * 1024 * 1024;

/**
 * Log entries on the way to the server. If the server is slower than the agent, or down, all but the first are in a file, so
 * that the agent neither waits nor fills the memory. Dispose it to delete the file.
 */
export class LogSpool implements Disposable {
  readonly #memoryBytes: number;
  #head: LogEntry[] = [];
  #headBytes = 0;
  #file: number | undefined;
  #written = 0;
  #read = 0;
  #inFile = 0;
  /** Newer than the file, if nothing more fits on the disk. */
  #tail: LogEntry[] = [];

  constructor(memoryBytes = defaultMemoryBytes) {
    this.#memoryBytes = memoryBytes;
  }

  get length(): number {
    return this.#head.length + this.#inFile + this.#tail.length;
  }

  push(entry: LogEntry): void {
    if (this.#tail.length > 0) this.#tail.push(entry);
    else if (this.#inFile === 0 && this.#headBytes < this.#memoryBytes) this.#addToHead(entry);
    else if (!this.#append(entry)) this.#tail.push(entry);
  }

  /** The entries of the next upload, oldest first. */
  peek(): LogEntry[] {
    if (this.#head.length === 0 && this.#inFile > 0) this.#refill();
    if (this.#head.length === 0) for (const entry of this.#tail.splice(0)) this.#addToHead(entry);
    return this.#head.slice(0, batchLength(this.#head));
  }

  drop(count: number): void {
    for (const entry of this.#head.splice(0, count)) this.#headBytes -= entryBytes(entry);
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #addToHead(entry: LogEntry): void {
    this.#head.push(entry);
    this.#headBytes += entryBytes(entry);
  }

  #append(entry: LogEntry): boolean {
    try {
      this.#file ??= openUnnamed();
      const line = Buffer.from(`${JSON.stringify(entry)}\n`);
      for (let done = 0; done < line.length; ) {
        done += writeSync(this.#file, line, done, line.length - done, this.#written + done);
      }
      this.#written += line.length;
      this.#inFile += 1;
      return true;
    } catch {
      return false;
    }
  }

  #refill(): void {
    if (this.#file === undefined) return;
    const chunk = Buffer.alloc(Math.min(chunkBytes, this.#written - this.#read));
    const length = readSync(this.#file, chunk, 0, chunk.length, this.#read);
    const end = chunk.lastIndexOf(10, length - 1) + 1;
    for (const line of chunk.toString('utf8', 0, end).split('\n').slice(0, -1)) {
      this.#addToHead(JSON.parse(line) as LogEntry);
      this.#inFile -= 1;
    }
    this.#read += end;
    if (this.#inFile > 0) return;
    ftruncateSync(this.#file, 0);
    this.#written = 0;
    this.#read = 0;
  }
}

// It has no name, so that it disappears with the process.
function openUnnamed(): number {
  const path = join(tmpdir(), `plan42-log-${process.pid}-${Math.random().toString(36).slice(2)}`);
  const file = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return file;
}
