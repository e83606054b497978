import type { Readable, Writable } from 'node:stream';

/** What a command gets of the process it runs in; only `src/bin` reads these from the real one. */
export interface CliContext {
  /** Without the interpreter and the script. */
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number };
  stderr: Writable & { isTTY?: boolean };
  /** Aborted when the person or the system asks the process to end. */
  signal: AbortSignal;
  version: string;
  /** Runs one of our other executables in place of this process, which ends here: its signals, output and exit code are the other's. */
  handOver(executable: SiblingExecutable, args: readonly string[]): never;
}

export type SiblingExecutable = 'plan42-runner';
