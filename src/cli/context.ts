import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** The reason of an abort if the output can no longer be seen: the terminal was closed, or the output cannot be written. */
export const hangup = new DOMException('the terminal was closed', 'AbortError');

/** The process as commands see it. Only `src/bin` accesses the real one. */
export interface CliContext {
  /** Without the interpreter and the script. */
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number };
  stderr: Writable & { isTTY?: boolean };
  /** Aborted by SIGINT and SIGTERM, if the terminal is closed, and if standard output can no longer be written: see {@link hangup}. */
  signal: AbortSignal;
  /**
   * Takes over SIGINT: while the result is not disposed, the listener is called instead of aborting `signal`. Absent where
   * there is no terminal whose user could be asked.
   */
  onInterrupt?: (listener: () => void) => Disposable;
  /** Declares that the command is a service, which runs on if its output cannot be written. Returns its `signal`. */
  becomeService: () => AbortSignal;
  /** Sets the name that `ps` and `top` show. */
  nameProcess: (name: string) => void;
  /** Registers the listener for SIGHUP, which otherwise interrupts. */
  onReloadRequest: (listener: () => void) => void;
  version: string;
  /** The version with commit and platform. */
  versionText: string;
  /** Runs a program that controls the terminal, including Ctrl-C, until it exits. Absent without a real terminal. */
  startPager?: StartPager;
  platform: NodeJS.Platform;
  /** The user's ID. */
  uid: number;
  /** The command line of `plan42-runner`: an absolute path and arguments. */
  runnerCommand: readonly [string, ...string[]];
  /** The command line of `plan42`, in the same form. */
  plan42Command: readonly [string, ...string[]];
  /** Replaces this process by another of our executables (execve), which inherits its signals, output and exit code. */
  handOver(executable: SiblingExecutable, args: readonly string[]): never;
}

/** The caller writes the pager's input, ends it, and waits for its exit. */
export type StartPager = (
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
) => ChildProcessByStdio<Writable, null, null>;

export type SiblingExecutable = 'plan42-runner' | 'plan42-runner-config' | 'plan42-agent' | 'plan42-sample-agent';
