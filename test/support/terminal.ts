import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fill } from './breakable-output.ts';
import { eventually } from './eventually.ts';

export interface TerminalOptions {
  /** Run as it is, without a shell. */
  command: readonly string[];
  /** 80 by default. */
  columns?: number;
  /** 24 by default. */
  rows?: number;
  /** The whole environment, but for `PATH`, `TERM` and `LC_ALL`, which are set unless given. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** How the command ended: one of the two is set. */
export interface TerminalExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const run = promisify(execFile);

// Runs the command and writes down how it ended, which tmux at times doesn't know. What the terminal sends to all that runs
// in it is for the command alone.
const witness = `
  const { spawn } = require('node:child_process');
  const { renameSync, writeFileSync } = require('node:fs');
  const [file, ...command] = process.argv.slice(1);
  for (const name of ['SIGINT', 'SIGQUIT']) process.on(name, () => {});
  const end = (code, signal, error) => {
    if (error) console.error(error);
    writeFileSync(file + '.new', JSON.stringify({ code, signal }));
    renameSync(file + '.new', file);
  };
  spawn(command[0], command.slice(1), { stdio: 'inherit' })
    .on('error', (error) => end(127, null, error))
    .on('exit', (code, signal) => end(code, signal));
`;

const settings = `
set -g status off
set -g escape-time 0
set -g remain-on-exit on
set -g remain-on-exit-format ""
set -g default-terminal tmux-256color
set -g history-limit 10000
`;

/** A real terminal (tmux) with one command in it. */
export class Terminal implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start({ command, columns = 80, rows = 24, env = {}, cwd }: TerminalOptions): Promise<Terminal> {
    const terminal = new Terminal(await mkdtemp(join(tmpdir(), 'plan42-terminal-')));
    await writeFile(join(terminal.#folder, 'tmux.conf'), settings);
    const given = { PATH: process.env['PATH'], TERM: 'tmux-256color', LC_ALL: 'C.UTF-8', ...env };
    const variables = Object.entries(given).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    );
    const size = ['-x', String(columns), '-y', String(rows)];
    const folder = cwd === undefined ? [] : ['-c', cwd];
    const program = ['env', '-i', ...variables, process.execPath, '-e', witness, '--', join(terminal.#folder, 'exit')];
    try {
      await terminal.#tmux('new-session', '-d', ...size, ...folder, ...program, ...command);
      return terminal;
    } catch (error) {
      await terminal[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Presses keys by the names that tmux has for them: `Enter`, `Tab`, `BTab`, `Escape`, `Up`, `C-c`, `q`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  /** Types text, character by character. */
  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-l', text);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The visible text: one line per row, without trailing spaces. */
  screen(): Promise<string> {
    return this.#tmux('capture-pane', '-p');
  }

  /** The same with what has scrolled out of sight before it. */
  everything(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-S', '-');
  }

  /** The screen with the escape sequences of its colours. */
  coloredScreen(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** From 0, at the top left. */
  async cursor(): Promise<{ column: number; row: number; visible: boolean }> {
    const text = await this.#ask('#{cursor_x} #{cursor_y} #{cursor_flag}');
    const [column = 0, row = 0, flag] = text.split(' ').map(Number);
    return { column, row, visible: flag === 1 };
  }

  /** Whether a full-screen program has the terminal. */
  async isFullScreen(): Promise<boolean> {
    return (await this.#ask('#{alternate_on}')) === '1';
  }

  /** Waits until the screen shows it; resolves with the screen. */
  async shows(expected: string | RegExp, timeoutMs = 60_000): Promise<string> {
    const matches = (screen: string) =>
      typeof expected === 'string' ? screen.includes(expected) : expected.test(screen);
    return this.#until((screen) => matches(screen), `the screen shows ${expected}`, timeoutMs);
  }

  /** Waits until the screen no longer shows it; resolves with the screen. */
  async hides(unwanted: string, timeoutMs = 60_000): Promise<string> {
    return this.#until((screen) => !screen.includes(unwanted), `the screen no longer shows ${unwanted}`, timeoutMs);
  }

  /** Waits for the end of the command; what it left on the screen can still be looked at. */
  async ended(timeoutMs = 60_000): Promise<TerminalExit> {
    return eventually(async () => {
      const text = await readFile(join(this.#folder, 'exit'), 'utf8').catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as TerminalExit);
    }, timeoutMs);
  }

  /** Nothing reads what the program writes, as if the connection to the terminal hung. Also holds up all other methods. */
  async stopReading(): Promise<Disposable> {
    const [pid, path = ''] = (await this.#ask('#{pid} #{pane_tty}')).split(' ');
    process.kill(Number(pid), 'SIGSTOP');
    await eventually(async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') T '));
    const fd = openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
    fill(fd);
    closeSync(fd);
    return { [Symbol.dispose]: () => void process.kill(Number(pid), 'SIGCONT') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux('kill-server').catch(() => {});
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #until(matches: (screen: string) => boolean, what: string, timeoutMs: number): Promise<string> {
    let screen = '';
    try {
      return await eventually(async () => {
        screen = await this.screen();
        return matches(screen) ? screen || '\n' : undefined;
      }, timeoutMs);
    } catch {
      throw new Error(`${timeoutMs} ms passed before ${what}; it is:\n${screen}`);
    }
  }

  async #ask(format: string): Promise<string> {
    return (await this.#tmux('display-message', '-p', format)).trimEnd();
  }

  async #tmux(...args: string[]): Promise<string> {
    const place = ['-u', '-S', join(this.#folder, 'socket'), '-f', join(this.#folder, 'tmux.conf')];
    // A semicolon at the end of an argument would begin another command.
    const plain = args.map((argument) => argument.replace(/;$/, '\\;'));
    const { stdout } = await run('tmux', [...place, ...plain], {
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
    });
    return stdout;
  }
}

/** Starts a command in a terminal of its own, which is gone when it is disposed of. */
export function startTerminal(options: TerminalOptions): Promise<Terminal> {
  return Terminal.start(options);
}
