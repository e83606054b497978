/**
 * Ties a job's process, log and exit code together without this process: a tiny shell, detached into a session of
 * its own, runs the command, writes what it prints to a log of limited size, and records how it ended. Its state is the
 * name of a mark in the job's folder,
 *
 *     supervisor.new → supervisor.running.<pid> → supervisor.ending.<pid>.<code> → supervisor.exited.<code>
 *
 * changed only by renaming: atomic, possible on a full disk, and possible only once, so that a job can't be
 * started twice. A job that is ending has ended, and its log is not complete yet. The mark's content is the boot ID of
 * the machine, as a process doesn't outlive its restart.
 */
import { spawn } from 'node:child_process';
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readBootId } from '../lib/boot-id.ts';
import { commandLine } from '../lib/command-line.ts';
import { errorCode } from '../lib/errors.ts';
import { listProcesses, type ProcessEntry, signalAll, treeOfGroup } from '../lib/process-tree.ts';
import { watchUntil } from '../lib/watch-folder.ts';
import { type JobPlace, RuntimeError, type StartOptions } from './runtime.ts';
import { supervisorScript, writerName, writerScript } from './supervisor-script.ts';

const scriptName = 'plan42-job';

const maxLaunchMs = 60_000;

export type SupervisorState =
  | { phase: 'none' }
  | { phase: 'new' }
  /** With an exit code, the command has ended and its log is being completed. */
  | { phase: 'running'; pid: number; exitCode?: number }
  | { phase: 'exited'; exitCode: number; endedAt: Date };

export interface Launch {
  job: Omit<StartOptions, 'image'>;
  command: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** What the supervisor is run by. */
  shell?: string;
}

/**
 * Starts the command under a supervisor, with the request as standard input; what it prints goes to the log.
 * @throws RuntimeError if there was one before
 */
export async function launch({ job, command, env, cwd, shell = '/bin/sh' }: Launch): Promise<void> {
  const state = await readState(job.folder);
  if (state.phase !== 'none' && state.phase !== 'new')
    throw new RuntimeError(`the job ${job.jobId} was started before`);
  await using request = await open(job.requestFile, 'r');
  await using _log = await open(job.logFile, 'a', 0o600);
  await writeMark(job, state.phase);
  const supervisor = [supervisorScript, scriptName, job.folder, job.logFile, String(job.maxLogBytes)];
  await spawnDetached(shell, ['-c', ...supervisor, shell, writerScript, ...command], {
    requestFd: request.fd,
    env,
    cwd,
  });
}

/** Never makes a mark again that a supervisor, started by an earlier run, is just taking. */
async function writeMark({ jobId, folder }: JobPlace, phase: 'none' | 'new'): Promise<void> {
  try {
    await using mark = await open(join(folder, 'supervisor.new'), phase === 'none' ? 'wx' : 'r+', 0o600);
    await mark.write((await readBootId()) ?? '', 0);
  } catch (error) {
    const isTaken = errorCode(error) === 'EEXIST' || errorCode(error) === 'ENOENT';
    throw isTaken ? new RuntimeError(`the job ${jobId} was started before`) : error;
  }
}

function spawnDetached(
  shell: string,
  args: string[],
  { requestFd, ...options }: { requestFd: number; env: NodeJS.ProcessEnv; cwd: string },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // What the supervisor itself says is no part of the job's log.
  const child = spawn(shell, args, { ...options, stdio: [requestFd, 'ignore', 'ignore'], detached: true });
  child.once('error', (error) => reject(new RuntimeError('cannot start a process for the job', { cause: error })));
  child.once('spawn', () => {
    child.unref();
    resolve();
  });
  return promise;
}

export async function readState(folder: string): Promise<SupervisorState> {
  const mark = await findMark(folder);
  const [, phase, value, exitCode] = mark?.split('.') ?? [];
  if (mark === undefined) return { phase: 'none' };
  if (phase === 'running') return { phase, pid: Number(value) };
  if (phase === 'ending') return { phase: 'running', pid: Number(value), exitCode: Number(exitCode) };
  if (phase !== 'exited') return { phase: 'new' };
  // A rename sets the change time, and no other.
  const { ctime } = await stat(join(folder, mark));
  return { phase, exitCode: Number(value), endedAt: ctime };
}

async function findMark(folder: string): Promise<string | undefined> {
  return (await names(folder)).find((name) => name.startsWith('supervisor.'));
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
  /** Whether the machine was restarted since the start; undefined when that is not known. */
  machineRestarted: boolean | undefined;
}

/** Resolves when the supervised command has ended, or its supervisor is gone. */
export async function waitForExit(folder: string, signal?: AbortSignal): Promise<SupervisedExit> {
  const end = await watchUntil(folder, () => readEnd(folder), signal);
  return { ...end, machineRestarted: await wasMachineRestarted(folder) };
}

type End = Omit<SupervisedExit, 'machineRestarted'>;

async function readEnd(folder: string): Promise<End | undefined> {
  const state = await readState(folder);
  if (state.phase === 'exited') return endOf(state);
  if (state.phase === 'new')
    return (await isAbandoned(folder)) ? { exitCode: undefined, endedAt: new Date() } : undefined;
  if (state.phase === 'running' && (await isSupervisor(state.pid, folder))) return undefined;
  // It may have begun or ended between the two looks.
  const again = await readState(folder);
  if (again.phase === 'exited') return endOf(again);
  if (again.phase !== state.phase) return undefined;
  return { exitCode: again.phase === 'running' ? again.exitCode : undefined, endedAt: new Date() };
}

function endOf({ exitCode, endedAt }: SupervisorState & { phase: 'exited' }): End {
  return { exitCode, endedAt };
}

async function wasMachineRestarted(folder: string): Promise<boolean | undefined> {
  const mark = await findMark(folder);
  const then = await readFile(join(folder, mark ?? ''), 'utf8').catch(() => '');
  const now = await readBootId();
  return then !== '' && now !== undefined ? then !== now : undefined;
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
  await watchUntil(folder, async () => ((await isStarted()) || (await readEnd(folder)) ? true : undefined), signal);
}

/**
 * The processes of the running job: all below its supervisor but the supervisor's own, which have yet to write the log
 * and record the exit code. Those are itself, its two halves, and what the log writer starts.
 */
export async function listJobProcesses(supervisorPid: number): Promise<ProcessEntry[]> {
  const processes = await listProcesses();
  const halves = processes.filter(({ parent }) => parent === supervisorPid).map(({ pid }) => pid);
  const isWriter = await Promise.all(halves.map(isLogWriter));
  const writers = new Set(halves.filter((_, index) => isWriter[index]));
  const own = new Set([supervisorPid, ...halves]);
  const tree = new Set(treeOfGroup(supervisorPid, processes));
  return processes.filter(({ pid, parent }) => tree.has(pid) && !own.has(pid) && !writers.has(parent));
}

// The other half has the same command line as the supervisor, whose folder does not come after the writer's name.
async function isLogWriter(pid: number): Promise<boolean> {
  const line = await commandLine(pid).catch(() => '');
  return line.includes(`${writerName} /`);
}

/** Whether something still writes the log, which a supervisor that was killed alone leaves behind. */
export async function isLogWritten(folder: string): Promise<boolean> {
  const lines = await Promise.all((await listProcesses()).map(({ pid }) => commandLine(pid)));
  return lines.some((line) => line.includes(` ${writerName} ${folder} `));
}

/** Makes the supervised command end, and leaves it to the supervisor to record that. */
export async function endCommand(folder: string): Promise<void> {
  const state = await readState(folder);
  if (state.phase !== 'running' || !(await isSupervisor(state.pid, folder))) return;
  signalAll(await listJobProcesses(state.pid), 'SIGKILL');
}

/**
 * Whether the process is the supervisor of this folder. Process IDs are used again, also after a restart of the
 * machine; a shell that was given this folder is not.
 */
export async function isSupervisor(pid: number, folder: string): Promise<boolean> {
  if (await wasMachineRestarted(folder)) return false;
  return (await commandLine(pid)).includes(` ${scriptName} ${folder} `);
}

/** When the command was launched; zero if it was not. */
export async function launchedAtMs(folder: string): Promise<number> {
  const mark = await findMark(folder);
  // Renaming leaves it as it is.
  return mark === undefined ? 0 : (await stat(join(folder, mark))).mtimeMs;
}

/** Whether the supervisor of this folder, and so the job, is there now. */
export async function isRunning(folder: string): Promise<boolean> {
  const state = await readState(folder);
  return state.phase === 'running' && (await isSupervisor(state.pid, folder));
}

/** Takes the marks away, so that the folder can be used again. */
export async function forget(folder: string): Promise<void> {
  for (const name of await names(folder)) {
    if (name.startsWith('supervisor.')) await rm(join(folder, name), { force: true });
  }
}
