import { closeSync, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { appendToOwnFile } from './private-folder.ts';

export interface RotationLimits {
  /** Maximum size of one file. */
  maxBytes: number;
  /** Number of rotated files to keep, at least 1. */
  keep: number;
}

/** Newest first: the file itself, then `.1` and so on. */
export function rotatedNames(path: string, keep: number): [string, ...string[]] {
  return [path, ...Array.from({ length: keep }, (_, i) => `${path}.${i + 1}`)];
}

/**
 * A log file of bounded size. Writes are synchronous, so that the last lines before a crash are kept, and never throw: a full
 * disk only loses lines. A file that was moved or deleted is re-created.
 */
export class RotatingFile implements Disposable {
  readonly #path: string;
  readonly #limits: RotationLimits;
  #file: number | undefined;
  #inode: number | undefined;

  constructor(path: string, limits: RotationLimits) {
    this.#path = path;
    this.#limits = limits;
  }

  /** Appends whole lines, never split across files. */
  write(lines: string): void {
    try {
      const bytes = Buffer.from(lines);
      const { ino, size } = statSync(this.#path, { throwIfNoEntry: false }) ?? { ino: undefined, size: 0 };
      if (ino !== this.#inode) this[Symbol.dispose]();
      this.#file ??= this.#open();
      if (size > 0 && size + bytes.length > this.#limits.maxBytes) this.#rotate();
      this.#file ??= this.#open();
      writeSync(this.#file, bytes);
    } catch {
      // The next write opens it again.
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  #open(): number {
    const file = openSync(this.#path, appendToOwnFile, 0o600);
    this.#inode = fstatSync(file).ino;
    return file;
  }

  #rotate(): void {
    this[Symbol.dispose]();
    const names = rotatedNames(this.#path, this.#limits.keep);
    for (let i = names.length - 1; i > 0; i -= 1) renameIfThere(names[i - 1] ?? '', names[i] ?? '');
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
