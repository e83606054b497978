import { type ChildProcess, execFile } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { errorCode } from './errors.ts';
import { leashed } from './leash.ts';

export interface CommandResult {
  /** Undefined when a signal ended it. */
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  /** In milliseconds; ends the command with SIGTERM, and soon after with SIGKILL. */
  timeoutMs?: number;
  /** Has the command end with this process, however that ends; for what can take long. One that is missing exits with 127. */
  leash?: boolean;
}

const maxOutputBytes = 4 * 1024 * 1024;
const graceMs = 2000;

/**
 * Runs a command to its end, never through a shell.
 * @throws the signal's reason when aborted; the system's error when it can't be started, `ENOENT` where no folder of the
 * `PATH` has it.
 */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const { env, signal, timeoutMs, leash = false } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  const command = leash ? (['/bin/sh', leashed(file, args)] as const) : ([file, [...args]] as const);
  const child = execFile(...command, { env, maxBuffer: maxOutputBytes }, (error, stdout, stderr) => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    if (error !== null && child.pid === undefined) reject(asMissing(file, error));
    else if (errorCode(error) === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') reject(error);
    else resolve({ exitCode: child.exitCode ?? undefined, stdout, stderr });
  });
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => endChild(child), timeoutMs);
  // Whoever waits no longer need not wait for its end either.
  const abort = () => {
    reject(signal?.reason);
    endChild(child);
  };
  signal?.addEventListener('abort', abort, { once: true });
  // The end of it is the end of the leash.
  if (!leash) child.stdin?.end();
  return promise;
}

// The system says so of a command that isn't anywhere when it may not look into one of the folders.
function asMissing(file: string, error: Error): Error {
  if (file.includes('/') || errorCode(error) !== 'EACCES') return error;
  return Object.assign(new Error(`there is no command ${file} that may be run`, { cause: error }), { code: 'ENOENT' });
}

function endChild(child: ChildProcess): void {
  child.kill('SIGTERM');
  const insist = setTimeout(() => {
    child.kill('SIGKILL');
    // Its children can hold them open.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, graceMs);
  child.once('close', () => clearTimeout(insist));
}

/** Whether there is such a command in the `PATH` of `env`. */
export async function isCommandInstalled(file: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const candidates = file.includes('/')
    ? [file]
    : (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, file));
  for (const candidate of candidates) {
    if (await isExecutable(candidate)) return true;
  }
  return false;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
