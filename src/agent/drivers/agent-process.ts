import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../../lib/errors.ts';
import { writeDurably } from '../../lib/files.ts';
import { cpuMsOf, listProcesses, listWithVariable, signalAll, treeOfGroup } from '../../lib/processes.ts';
import type { Launch } from '../adapters/adapter.ts';
import { AgentFailure } from './driver.ts';
import { readLines } from './read-lines.ts';

/** Marks everything that an agent starts, also what leaves its process group. */
const runVariable = 'PLAN42_AGENT_RUN';
const graceMs = 3000;
const pollMs = 50;
const maxErrorLines = 40;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface AgentProcessOptions {
  folder: string;
  env: NodeJS.ProcessEnv;
  /** Called with each line of standard error. */
  onError: (line: string) => void;
  /** Called whenever the agent writes anything. */
  onActivity: () => void;
}

/** A running agent. Disposing it stops everything that the agent has started. */
export class AgentProcess {
  readonly #child: ChildProcess;
  readonly #run: string;
  readonly #errorLines: string[] = [];
  /** Rejects if the agent cannot be started. */
  readonly exited: Promise<Exit>;
  readonly stdin: NonNullable<ChildProcess['stdin']>;
  readonly #onActivity: () => void;

  constructor({ command, env: added }: Launch, { folder, env, onError, onActivity }: AgentProcessOptions) {
    this.#onActivity = onActivity;
    this.#run = crypto.randomUUID();
    const [file, ...args] = command;
    const child = spawn(file, args, {
      cwd: folder,
      env: { ...env, ...added, [runVariable]: this.#run },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A process group of its own, so that all of it can be stopped.
      detached: true,
    });
    this.#child = child;
    this.stdin = child.stdin;
    // An agent that exits without reading its input is judged by its exit code.
    child.stdin.on('error', () => {});
    this.exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
    this.exited.catch(() => {});
    void readLines(child.stderr, (line) => {
      this.#errorLines.push(line);
      if (this.#errorLines.length > maxErrorLines) this.#errorLines.shift();
      onActivity();
      onError(line);
    });
  }

  /** Reads standard output, once. Resolves at its end. */
  readOutput(onLine: (line: string) => void): Promise<void> {
    const { stdout } = this.#child;
    if (stdout === null) return Promise.resolve();
    return readLines(stdout, (line) => {
      this.#onActivity();
      onLine(line);
    });
  }

  /** The last lines of standard error. */
  get errorText(): string {
    return this.#errorLines.join('\n');
  }

  /** Returns the processor time of the agent and of everything that it started, as far as it still runs. */
  async usedCpuMs(): Promise<number> {
    return cpuMsOf(await listWithVariable(runVariable, this.#run));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stdin, stdout, stderr } = this.#child;
    stdin?.destroy();
    if (this.#child.pid !== undefined) await this.#stopAll(this.#child.pid);
    stdout?.destroy();
    stderr?.destroy();
  }

  async #stopAll(group: number): Promise<void> {
    signalAll(await this.#processes(group), 'SIGTERM');
    for (let waitedMs = 0; waitedMs < graceMs && (await this.#isRunning()); waitedMs += pollMs) await sleep(pollMs);
    // Repeated, because a process can start another one in between.
    for (let round = 0; round < 3; round += 1) {
      signalAll(await this.#processes(group), 'SIGKILL');
      if (!(await this.#isRunning())) return;
      await sleep(pollMs);
    }
  }

  // Marked processes do not include zombies, which a container without an init process keeps.
  async #isRunning(): Promise<boolean> {
    const isChildRunning = this.#child.exitCode === null && this.#child.signalCode === null;
    return isChildRunning || (await listWithVariable(runVariable, this.#run)).length > 0;
  }

  async #processes(group: number): Promise<{ pid: number }[]> {
    const marked = await listWithVariable(runVariable, this.#run);
    return [...new Set([...marked, ...treeOfGroup(group, await listProcesses())])].map((pid) => ({ pid }));
  }
}

/** The path of a program; undefined if it is not installed. */
export async function findProgram(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const candidates = name.includes('/')
    ? [name]
    : (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  for (const path of candidates) {
    if (await canExecute(path)) return path;
  }
  return undefined;
}

async function canExecute(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Writes the files of an adapter. */
export async function writeFiles(files: Launch['files'], env: NodeJS.ProcessEnv): Promise<void> {
  for (const [name, content] of Object.entries(files ?? {})) {
    const path = join(env['HOME'] ?? '/root', name);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeDurably(path, content);
    } catch (error) {
      throw new AgentFailure('exited', `cannot write ${path}: ${errorCode(error)}. Make the home folder writable.`, {
        cause: error,
      });
    }
  }
}
