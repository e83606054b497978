import type { ChildProcessByStdio } from 'node:child_process';
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
  /** The version with commit and platform, for people. */
  versionText: string;
  /** Runs a program that has the terminal to itself, Ctrl-C included, until it ends. Absent without a real terminal. */
  startPager?: StartPager;
  platform: NodeJS.Platform;
  /** The user's ID. */
  uid: number;
  /** What starts `plan42-runner`, from anywhere: an absolute path, and arguments. */
  runnerCommand: readonly [string, ...string[]];
  /** Runs one of our other executables in place of this process, which ends here: its signals, output and exit code are the other's. */
  handOver(executable: SiblingExecutable, args: readonly string[]): never;
}

/** The caller writes the pager's input, ends it, and waits for its exit. */
export type StartPager = (
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
) => ChildProcessByStdio<Writable, null, null>;

export type SiblingExecutable = 'plan42-runner' | 'plan42-runner-config' | 'plan42-sample-agent';
