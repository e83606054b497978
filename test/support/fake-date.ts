import { globSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

/** Debian's libfaketime, or undefined if it is not installed. */
export const libfaketime = globSync('/usr/lib/*/faketime/libfaketime.so.1')[0];

/** The date of a process, which a test can change while it runs. Its monotonic clock is the real one. */
export class FakeDate {
  readonly env: NodeJS.ProcessEnv;
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
    this.env = {
      LD_PRELOAD: libfaketime,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** `offset` as libfaketime reads it: `+10m`, `-5`, `+2y`. */
  static async create(file: string, offset = '+0'): Promise<FakeDate> {
    const date = new FakeDate(file);
    await date.set(offset);
    return date;
  }

  async set(offset: string): Promise<void> {
    await writeFile(`${this.#file}.new`, offset);
    await rename(`${this.#file}.new`, this.#file);
  }
}
