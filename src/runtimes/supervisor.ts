/**
 * Ties a job's process, log and exit code together without this process: a tiny shell, detached into a session of
 * its own, runs the command and records how it ended. Its state is the name of a mark in the job's folder,
 *
 *     supervisor.new → supervisor.running.<pid> → supervisor.exited.<code>
 *
 * changed only by renaming: atomic, possible on a full disk, and possible only once, so that a job can't be
 * started twice.
 */
import { spawn } from 'node:child_process';
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { runCommand } from '../lib/run-command.ts';
import { watchUntil } from '../lib/watch-folder.ts';
import { type JobPlace, RuntimeError } from './runtime.ts';

// However busy jobs are, the runner has to answer pings: jobs come second, within their session (nice) and, where Linux
// shares the processor by session, the session as a whole (autogroup).
// The traps make the shell outlive a signal to its process group; commands that it starts get the default back.
const script = `
trap : HUP INT QUIT TERM
folder=$1; shift
mv "$folder/supervisor.new" "$folder/supervisor.running.$$" || exit 125
renice -n 5 -p $$ >/dev/null 2>&1
{ echo 10 >/proc/$$/autogroup; } 2>/dev/null
"$@"
code=$?
mv "$folder/supervisor.running.$$" "$folder/supervisor.exited.$code"
exit $code
`;

const maxLaunchMs = 60_000;

export type SupervisorState =
  | { phase: 'none' }
  | { phase: 'new' }
  | { phase: 'running'; pid: number }
  | { phase: 'exited'; exitCode: number; endedAt: Date };

export interface Launch {
  job: JobPlace & { requestFile: string };
  command: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/**
 * Starts the command under a supervisor, with the job's files as standard input, output and error.
 * @throws RuntimeError if there was one before
 */
export async function launch({ job, command, env, cwd }: Launch): Promise<void> {
  const state = await readState(job.folder);
  if (state.phase !== 'none' && state.phase !== 'new')
    throw new RuntimeError(`the job ${job.jobId} was started before`);
  await using request = await open(job.requestFile, 'r');
  await using log = await open(job.logFile, 'a', 0o600);
  await using _mark = await open(join(job.folder, 'supervisor.new'), 'w', 0o600);
  const stdio = [request, log, log].map((file) => file.fd);
  await spawnDetached(['-c', script, 'plan42-job', job.folder, ...command], { stdio, env, cwd });
}

function spawnDetached(
  args: string[],
  options: { stdio: number[]; env: NodeJS.ProcessEnv; cwd: string },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn('/bin/sh', args, { ...options, detached: true });
  child.once('error', (error) => reject(new RuntimeError('cannot start a process for the job', { cause: error })));
  child.once('spawn', () => {
    child.unref();
    resolve();
  });
  return promise;
}

export async function readState(folder: string): Promise<SupervisorState> {
  const mark = (await names(folder)).find((name) => name.startsWith('supervisor.'));
  const [, phase, value] = mark?.split('.') ?? [];
  if (mark === undefined) return { phase: 'none' };
  if (phase === 'running') return { phase, pid: Number(value) };
  if (phase !== 'exited') return { phase: 'new' };
  // A rename sets the change time, and no other.
  const { ctime } = await stat(join(folder, mark));
  return { phase, exitCode: Number(value), endedAt: ctime };
}

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

export async function wasStarted(folder: string): Promise<boolean> {
  const { phase } = await readState(folder);
  return phase === 'running' || phase === 'exited';
}

export interface SupervisedExit {
  /** Undefined when the supervisor itself was killed, or the machine restarted. */
  exitCode: number | undefined;
  endedAt: Date;
}

/** Resolves when the supervised command has ended, or its supervisor is gone. */
export function waitForExit(folder: string, signal?: AbortSignal): Promise<SupervisedExit> {
  return watchUntil(folder, () => readExit(folder), signal);
}

async function readExit(folder: string): Promise<SupervisedExit | undefined> {
  const state = await readState(folder);
  if (state.phase === 'exited') return state;
  if (state.phase === 'new')
    return (await isAbandoned(folder)) ? { exitCode: undefined, endedAt: new Date() } : undefined;
  if (state.phase === 'running' && (await isSupervisor(state.pid, folder))) return undefined;
  // It may have begun or ended between the two looks.
  const again = await readState(folder);
  if (again.phase === 'exited') return again;
  return again.phase === state.phase ? { exitCode: undefined, endedAt: new Date() } : undefined;
}

// A supervisor takes its mark within moments. Where it has not, the launch was cut off, by a crash for instance;
// without the mark, it can't begin any more.
async function isAbandoned(folder: string): Promise<boolean> {
  const mark = join(folder, 'supervisor.new');
  try {
    if (Date.now() - (await stat(mark)).mtimeMs < maxLaunchMs) return false;
    await rm(mark);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Resolves when `isStarted` does to true, or the supervised command has ended. */
export async function waitForStart(
  folder: string,
  isStarted: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  await watchUntil(folder, async () => ((await isStarted()) || (await readExit(folder)) ? true : undefined), signal);
}

/**
 * Whether the process is the supervisor of this folder. Process IDs are used again, also after a restart of the
 * machine; the folder on its command line is not.
 */
export async function isSupervisor(pid: number, folder: string): Promise<boolean> {
  try {
    return (await commandLine(pid)).includes(folder);
  } catch {
    return false;
  }
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8');
  const { stdout } = await runCommand('ps', ['-ww', '-o', 'args=', '-p', String(pid)], {
    env: { PATH: '/usr/bin:/bin' },
  });
  return stdout;
}

/** Takes the marks away, so that the folder can be used again. */
export async function forget(folder: string): Promise<void> {
  for (const name of await names(folder)) {
    if (name.startsWith('supervisor.')) await rm(join(folder, name), { force: true });
  }
}
