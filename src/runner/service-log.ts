import { join } from 'node:path';
import { serviceLogName } from '../config/paths.ts';
import { makeFolder } from '../lib/files.ts';
import { RotatingFile, rotatedNames } from '../lib/rotating-file.ts';

const limits = { maxBytes: 10 * 1024 * 1024, keep: 2 };
// What is logged before the file may be written; a runner that logs more has gone wrong.
const maxPendingLines = 1000;

/** The service's own log, the newest file first. */
export function serviceLogFiles(logDir: string): [string, ...string[]] {
  return rotatedNames(join(logDir, serviceLogName), limits.keep);
}

/** Where the runner's log lines go: to standard error, and to the file that `plan42 runner logs` shows. */
export class ServiceLog implements Disposable {
  readonly #writeStderr: (line: string) => void;
  #file: RotatingFile | undefined;
  #pending: string[] = [];

  constructor(writeStderr: (line: string) => void) {
    this.#writeStderr = writeStderr;
  }

  readonly write = (line: string): void => {
    this.#writeStderr(line);
    if (this.#file) this.#file.write(line);
    else if (this.#pending.length < maxPendingLines) this.#pending.push(line);
  };

  /** To be called when the state folder is ours: two runners must not rotate one file. */
  async open(logDir: string): Promise<void> {
    await makeFolder(logDir);
    this.#file = new RotatingFile(join(logDir, serviceLogName), limits);
    this.#file.write(this.#pending.join(''));
    this.#pending = [];
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
  }
}

/** Says in the file why a runner that may not have come so far has ended. */
export async function logLastWords(logDir: string, line: string): Promise<void> {
  try {
    await makeFolder(logDir);
    // Without rotation, since it may be the file of another runner.
    using file = new RotatingFile(join(logDir, serviceLogName), { ...limits, maxBytes: Number.POSITIVE_INFINITY });
    file.write(line);
  } catch {
    // Standard error has it.
  }
}
