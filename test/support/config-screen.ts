import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fakeDocker } from './fake-docker.ts';
import { makeTempDir } from './temp-dir.ts';
import { startTerminal, type Terminal, type TerminalOptions } from './terminal.ts';

const ownBin = join(import.meta.dirname, '../../bin');
export const configScreen = join(ownBin, 'plan42-runner-config');

export interface ScreenOptions extends Pick<TerminalOptions, 'columns' | 'rows'> {
  /** Initial content of the file. No file if undefined. */
  config?: string;
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Folder of the executables. By default, `make build` has written it. */
  bin?: string;
}

/** The real configuration screen in a real terminal. */
export interface ScreenTest extends AsyncDisposable {
  terminal: Terminal;
  file: string;
  /** Returns the content of the file; undefined if there is none. */
  saved(): Promise<string | undefined>;
  /** Waits until the program has exited. Resolves with the exit code and the visible text. */
  left(): Promise<{ exitCode: number; screen: string }>;
}

// Afterwards the terminal is looked at as a shell would find it.
const shell = '"$@"; echo "exit code $?"; exec cat';

/** Docker is ready in it, podman is missing, and nothing of this machine counts. */
export async function startScreen(options: ScreenOptions = {}): Promise<ScreenTest> {
  const { config, args = [], env = {}, bin = ownBin, ...size } = options;
  await using resources = new AsyncDisposableStack();
  const dir = resources.use(await makeTempDir('plan42-screen-'));
  const file = join(dir.path, 'plan42-runner.toml');
  if (config !== undefined) await writeFile(file, config, { mode: 0o600 });
  const command = ['/bin/sh', '-c', shell, 'sh', join(bin, 'plan42-runner-config'), '-c', file, ...args];
  const path = await fakeDocker(dir.path);
  const terminal = resources.use(
    await startTerminal({ command, ...size, env: { HOME: dir.path, PATH: path, ...env } }),
  );
  const owned = resources.move();
  return {
    terminal,
    file,
    saved: () => readFile(file, 'utf8').catch(() => undefined),
    left: async () => {
      const screen = await terminal.shows(/exit code \d+/);
      if (await terminal.isFullScreen()) throw new Error('the terminal is still full-screen');
      return { exitCode: Number(/exit code (\d+)/.exec(screen)?.[1]), screen };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
