import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, open, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Variables that an engine's client needs in addition to the ordinary environment. */
export type Env = Readonly<Record<string, string>>;

/** A started daemon. Disposing stops it with SIGTERM, after `stopTimeoutMs` with SIGKILL, and waits for its end. */
export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  /** Throws, with the end of the log, once the daemon has ended. */
  assertRunning(): Promise<void>;
  /** Sends the signal and resolves when the daemon is gone. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

const execute = promisify(execFile);

// Debian keeps daemons and what they call in sbin, which a user's PATH may lack.
const path = [process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter);

/** Throws an error fit for a skip message unless all the commands are there. */
export async function requireCommands(...names: string[]): Promise<void> {
  for (const name of names) {
    if (!(await hasCommand(name))) throw new Error(`${name} is not installed`);
  }
}

/** Whether the command is in PATH or in one of the sbin folders. */
export async function hasCommand(name: string): Promise<boolean> {
  const found = path.split(delimiter).map((folder) =>
    access(join(folder, name), constants.X_OK).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(found)).includes(true);
}

/** Runs a command to its end and returns its standard output; throws with the last line of what it complained about. */
export async function run(
  command: string,
  args: string[],
  { env = {}, signal }: { env?: Env; signal?: AbortSignal } = {},
) {
  try {
    const options = { env: { ...process.env, PATH: path, ...env }, maxBuffer: 64 << 20, ...(signal && { signal }) };
    return (await execute(command, args, options)).stdout;
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    const complaint = stderr.trim().split('\n').at(-1) || (cause as Error).message;
    throw new Error(`${command} ${args[0] ?? ''}: ${complaint}`, { cause });
  }
}

/**
 * Starts a daemon with its output in `logFile`. It neither keeps this process alive nor outlives it: the kernel sends
 * it SIGTERM when this process dies, however that happens.
 */
export async function startDaemon(
  command: string,
  args: string[],
  { logFile, env = {}, stopTimeoutMs = 15_000 }: { logFile: string; env?: Env; stopTimeoutMs?: number },
): Promise<Daemon> {
  await using log = await open(logFile, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', command, ...args], {
    env: { PATH: path, ...env },
    stdio: ['ignore', log.fd, log.fd],
  });
  await once(child, 'spawn');
  child.unref();
  return {
    pid: child.pid ?? 0,
    stop: (signal) => stop(child, stopTimeoutMs, signal),
    async assertRunning() {
      if (isRunning(child)) return;
      const lines = (await readFile(logFile, 'utf8')).trim().split('\n');
      throw new Error(`${command} ended at once: ${lines.at(-1) ?? ''}`);
    },
    [Symbol.asyncDispose]: () => stop(child, stopTimeoutMs),
  };
}

/** Calls `probe` until it doesn't throw and returns its result; the last error when the daemon ends or time is up. */
export async function untilReady<T>(
  daemon: Daemon,
  probe: () => Promise<T>,
  { timeoutMs = 20_000, signal }: { timeoutMs?: number; signal: AbortSignal },
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await daemon.assertRunning();
    await sleep(25, undefined, { signal });
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function stop(child: ChildProcess, timeoutMs: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!isRunning(child)) return;
  child.ref();
  const ended = once(child, 'exit');
  child.kill(signal);
  const impatience = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await ended;
  clearTimeout(impatience);
}
