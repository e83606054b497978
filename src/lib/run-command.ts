import { type ChildProcess, execFile } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errorCode } from './errors.ts';

export interface CommandResult {
  /** Undefined if a signal ended the command. */
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  /** Stops the command with SIGTERM, and two seconds later with SIGKILL. */
  timeoutMs?: number;
  /** Stops the command when this process exits, even by SIGKILL. For commands that take long; a missing one exits with 127. */
  exitWithParent?: boolean;
  /** Becomes standard input; by default there is none. */
  input?: AsyncIterable<Uint8Array>;
  /** Added to the nice value of the command: with a positive one, it gives way to this process on a busy machine. */
  niceness?: number;
  /** A command that writes more is stopped, and rejects. By default 4 MiB. */
  maxOutputBytes?: number;
}

const defaultMaxOutputBytes = 4 * 1024 * 1024;
const graceMs = 2000;

/**
 * Runs a command until it exits. The arguments never pass through a shell.
 * @throws the signal's reason if aborted; the system's error if the command cannot be started, `ENOENT` if it is not in
 * the `PATH`
 */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const { env, signal, timeoutMs, exitWithParent = false, input, maxOutputBytes = defaultMaxOutputBytes } = options;
  const { niceness = 0 } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  const command = exitWithParent
    ? (['/bin/sh', exitWithParentArgs(file, args)] as const)
    : ([file, [...args]] as const);
  const child = execFile(...command, { env, maxBuffer: maxOutputBytes }, (error, stdout, stderr) => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    if (error !== null && child.pid === undefined) reject(asNotFound(file, error));
    else if (errorCode(error) === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') reject(error);
    else resolve({ exitCode: child.exitCode ?? undefined, stdout, stderr });
  });
  if (niceness > 0) lowerPriority(child.pid, niceness);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => stopChild(child), timeoutMs);
  // Rejects before the command has exited, which can take until SIGKILL.
  const abort = () => {
    reject(signal?.reason);
    stopChild(child);
  };
  signal?.addEventListener('abort', abort, { once: true });
  // With exitWithParent, its end stops the command.
  if (input === undefined && !exitWithParent) child.stdin?.end();
  if (input !== undefined && child.stdin !== null) {
    void pipeline(input, child.stdin).catch((error: unknown) => {
      // A command that has read enough, or has failed, is judged by its exit code.
      if (errorCode(error) === 'EPIPE' || child.exitCode !== null) return;
      reject(error);
      stopChild(child);
    });
  }
  return promise;
}

/**
 * POSIX shell that runs its arguments as a command, and sends it SIGTERM when standard input reaches its end. That is a pipe
 * whose other end the kernel closes with the process that holds it, even if that process is killed.
 */
const exitWithParentScript = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
trap 'kill $child' TERM
{ cat <&3; kill $child; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || break
done
kill $watcher
exit $code
`;

/** Arguments for `/bin/sh`. The shell never parses the command or its arguments as script. */
function exitWithParentArgs(file: string, args: readonly string[]): string[] {
  return ['-c', exitWithParentScript, 'plan42-exit-with-parent', file, ...args];
}

// execvp reports EACCES for a missing command if it cannot read one of the folders in the PATH.
function asNotFound(file: string, error: Error): Error {
  if (file.includes('/') || errorCode(error) !== 'EACCES') return error;
  return Object.assign(new Error(`command ${file} not found`, { cause: error }), { code: 'ENOENT' });
}

/** Optional: the process may have exited, and the system may have no such values. */
function lowerPriority(pid: number | undefined, niceness: number): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, getPriority() + niceness);
  } catch {
    // It runs as it is.
  }
}

function stopChild(child: ChildProcess): void {
  child.kill('SIGTERM');
  const killTimer = setTimeout(() => {
    child.kill('SIGKILL');
    // Grandchildren may hold the pipes open.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, graceMs);
  child.once('close', () => clearTimeout(killTimer));
}

/** Whether `file` is an executable in the `PATH` of `env`. */
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
