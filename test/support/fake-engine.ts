import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandResult } from '../../src/lib/run-command.ts';
import type { RunEngine } from '../../src/runtimes/engine/client.ts';
import { makeTempDir } from './temp-dir.ts';

/** An executable that stands in for the command of an engine. */
export interface FakeEngine extends AsyncDisposable {
  /** A folder for its own files. */
  folder: string;
  /** With it, the command is the fake. */
  env: { PATH: string };
  /**
   * The shell commands that respond to arguments matching a glob, such as `{ 'ps *': 'exit 1' }`. Later responses replace
   * earlier ones of the same glob; the first that matches counts.
   */
  respond(responses: Record<string, string>): Promise<void>;
  /** The arguments of every call so far, oldest first. */
  calls(): Promise<string[][]>;
}

// Arguments are separated by tabs, calls by line ends.
const noteCall = 'line=$1; shift; for arg; do line="$line\t$arg"; done; printf "%s\\n" "$line"';

export async function makeFakeEngine(
  name: 'docker' | 'podman',
  responses: Record<string, string> = {},
): Promise<FakeEngine> {
  const dir = await makeTempDir();
  const bin = join(dir.path, 'bin');
  await mkdir(bin);
  const [calls, cases] = [join(dir.path, 'calls'), join(dir.path, 'cases')];
  await writeFile(calls, '');
  const script = `#!/bin/sh\nall=$*\n(${noteCall}) >>'${calls}'\ncd '${dir.path}'\n. '${cases}'\n`;
  await writeFile(join(bin, name), script, { mode: 0o755 });
  const current: Record<string, string> = {};
  const engine: FakeEngine = {
    folder: dir.path,
    env: { PATH: `${bin}:/usr/bin:/bin` },
    respond: async (changed) => {
      Object.assign(current, changed);
      const branches = Object.entries(current).map(([glob, commands]) => `${quoteGlob(glob)}) ${commands};;\n`);
      // A command that is running reads either all of the old or all of the new.
      await writeFile(
        `${cases}.new`,
        `case $all in\n${branches.join('')}*) echo "Error: unexpected: $all" >&2; exit 125;;\nesac\n`,
      );
      await rename(`${cases}.new`, cases);
    },
    calls: async () =>
      (await readFile(calls, 'utf8'))
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split('\t')),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
  await engine.respond(responses);
  return engine;
}

/** Everything but the stars is literal. */
function quoteGlob(glob: string): string {
  return glob
    .split('*')
    .map((part) => (part === '' ? '' : `"${part}"`))
    .join('*');
}

/** Responds to the arguments of an engine, joined by spaces. Undefined is an error of the engine. */
export type Respond = (args: string) => Partial<CommandResult> | string | undefined;

/** An engine without a process: for tests of what the runtime does with its responses. */
export function fakeRun(respond: Respond): RunEngine & { calls: string[] } {
  const calls: string[] = [];
  const run: RunEngine = async (args) => {
    const line = args.join(' ');
    calls.push(line);
    const response = respond(line) ?? { exitCode: 1, stderr: 'Error: engine is down' };
    const result = typeof response === 'string' ? { stdout: response } : response;
    return { exitCode: 0, stdout: '', stderr: '', ...result };
  };
  return Object.assign(run, { calls });
}

export interface FakeContainerState {
  Running: boolean;
  Paused: boolean;
  Pid: number;
  ConmonPid: number;
  OOMKilled: boolean;
  ExitCode: number;
  Error: string;
  StartedAt: string;
  FinishedAt: string;
}

const never = '0001-01-01T00:00:00Z';

/** The output of `container inspect` for a container that exited with code 0, except for `changes`. */
export function inspected(changes: Partial<FakeContainerState> = {}, logDriver = 'none'): string {
  const isRunning = changes.Running === true;
  const state = {
    Running: false,
    ExitCode: 0,
    StartedAt: '2026-01-02T03:04:05Z',
    FinishedAt: isRunning ? never : '2026-01-02T03:04:10Z',
    ...changes,
  };
  return JSON.stringify([state, { Type: logDriver }]);
}

/** A container that was created and never started. */
export const neverStarted: Partial<FakeContainerState> = { StartedAt: never, FinishedAt: never };
