import { join } from 'node:path';
import { type Paths, serviceLogName } from '../config/paths.ts';
import type { LossyOutput } from '../lib/lossy-output.ts';
import { openPrivateFolder, requirePrivateFile } from '../lib/private-folder.ts';
import { RotatingFile, rotatedNames } from '../lib/rotating-file.ts';

const limits = { maxBytes: 10 * 1024 * 1024, keep: 2 };
// Limits the lines kept until the file is open.
const maxPendingLines = 1000;

/** Paths of the service's log, newest first. */
export function serviceLogFiles(logDir: string): [string, ...string[]] {
  return rotatedNames(join(logDir, serviceLogName), limits.keep);
}

/** Writes the runner's log to standard error and to the file that `plan42 runner logs` shows. */
export class ServiceLog implements Disposable {
  readonly #output: LossyOutput | undefined;
  #file: RotatingFile | undefined;
  #pending: string[] = [];

  /** @param output standard error, unless it is not wanted */
  constructor(output: LossyOutput | undefined) {
    this.#output = output;
  }

  readonly write = (line: string): void => {
    this.#output?.write(line);
    if (this.#file) this.#file.write(line);
    else if (this.#pending.length < maxPendingLines) this.#pending.push(line);
  };

  /** Must be called after locking the state folder: two runners must not rotate the same file. */
  async open(logDir: string): Promise<void> {
    await openPrivateFolder(logDir);
    for (const path of serviceLogFiles(logDir)) await requirePrivateFile(path);
    this.#file = new RotatingFile(join(logDir, serviceLogName), limits);
    this.#file.write(this.#pending.join(''));
    this.#pending = [];
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
  }
}

/** Logs why a runner failed, even if it failed before opening its log. */
export async function logLastWords({ stateDir, logDir }: Paths, line: string): Promise<void> {
  try {
    // Another user's folder must stay as it is, and a link in it must not be followed.
    await openPrivateFolder(stateDir);
    await openPrivateFolder(logDir);
    // Without rotation, because another runner may be using the file.
    using file = new RotatingFile(join(logDir, serviceLogName), { ...limits, maxBytes: Number.POSITIVE_INFINITY });
    file.write(line);
  } catch {
    // Standard error has it.
  }
}
