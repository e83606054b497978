/** Runs commands of Plan42 as a user would, with everything in the folder of the demo. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { alignColumns, printCommand, printOutput } from './print.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

export interface Commands {
  /** Starts a program in the background. */
  start: (words: readonly string[]) => Started;
  /** Shows what a program prints, while it does. */
  show: (words: readonly string[], options?: ShowOptions) => Promise<{ exitCode: number; output: string }>;
  /** Returns what a program prints. */
  capture: (words: readonly string[]) => Promise<string>;
  /** The output of the programs in the background, by their command. */
  logs: Map<string, string>;
}

export interface ShowOptions {
  /** Lines that are not printed. */
  hide?: RegExp;
  /** Columns are separated by tabs. */
  isTable?: boolean;
}

export interface Started {
  /** Resolves when the output matches. Rejects if the program exits before. */
  prints: (pattern: RegExp) => Promise<void>;
  stop: () => Promise<void>;
}

/** The folders of the demo's server and runner. */
export const serverData = (folder: string): string => join(folder, 'server');
export const configFile = (folder: string): string => join(folder, 'plan42-runner.toml');

/** Options that only name the folder of the demo, and are not printed. */
function folderOptions([, room]: readonly string[], folder: string): string[] {
  if (room === 'server') return ['--data', serverData(folder)];
  return room === 'runner' ? ['-c', configFile(folder), '--state-dir', join(folder, 'runner')] : [];
}

export function createCommands(folder: string, signal: AbortSignal): Commands {
  const logs = new Map<string, string>();
  function spawnProgram(words: readonly string[]) {
    printCommand(words);
    const [name = '', ...args] = words;
    const file = join(root, 'bin', name);
    return spawn(file, [...args, ...folderOptions(words, folder)], { stdio: ['ignore', 'pipe', 'pipe'] });
  }
  return {
    logs,
    start: (words) => {
      const child = spawnProgram(words);
      const name = words.join(' ');
      const log = () => logs.get(name) ?? '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => logs.set(name, log() + text));
      }
      return {
        prints: (pattern) => waitFor(() => pattern.test(log()), { child, name, signal }),
        stop: () => stop(child),
      };
    },
    show: async (words, { hide, isTable } = {}) => {
      const child = spawnProgram(words);
      const abort = () => child.kill('SIGTERM');
      signal.addEventListener('abort', abort, { once: true });
      const lines: string[] = [];
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          lines.push(line);
          if (!isTable && !hide?.test(line)) printOutput(line);
        });
      }
      await once(child, 'close');
      if (isTable) printOutput(alignColumns(lines));
      signal.throwIfAborted();
      return { exitCode: child.exitCode ?? 1, output: lines.join('\n') };
    },
    capture: async (words) => {
      printCommand(words);
      const [name = '', ...args] = words;
      const { stdout } = await run(join(root, 'bin', name), [...args, ...folderOptions(words, folder)], { signal });
      return stdout.trim();
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

const startTimeoutMs = 60_000;

async function waitFor(
  condition: () => boolean,
  { child, name, signal }: { child: ChildProcess; name: string; signal: AbortSignal },
): Promise<void> {
  const end = Date.now() + startTimeoutMs;
  while (!condition()) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`"${name}" exited with code ${child.exitCode}`);
    if (Date.now() > end) throw new Error(`"${name}" is not ready after ${startTimeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
