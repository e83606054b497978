/** The processes of a shim and of its job, found by their command lines: process IDs are reused, a job's folder is not. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { commandLine, listProcesses, type ProcessEntry, signalAll, treeOfGroup } from '../lib/processes.ts';
import { readState, wasMachineRestarted } from './state.ts';

/** The names under which a shim and its log writer run, each followed by the job's folder. */
export const shimName = 'plan42-job';
const logWriterName = 'plan42-job-log';

/** Whether the process is the shim of this folder. */
export async function isShim(pid: number, folder: string): Promise<boolean> {
  if (await wasMachineRestarted(folder)) return false;
  return (await commandLine(pid)).includes(` ${shimName} ${folder} `);
}

/** Whether the shim of this folder, and so the job, is running now. */
export async function isRunning(folder: string): Promise<boolean> {
  const state = await readState(folder);
  return state.phase === 'running' && (await isShim(state.pid, folder));
}

/** Whether a log writer is running, which a shim that was killed alone leaves behind. */
export async function isLogWritten(folder: string): Promise<boolean> {
  const lines = await Promise.all((await listProcesses()).map(({ pid }) => commandLine(pid)));
  return lines.some((line) => line.includes(` ${logWriterName} ${folder} `));
}

/**
 * Writes lines into the log of a running job, between lines of its output. False if nothing writes that log, or on a system
 * without /proc. At most 4096 bytes, which a pipe takes as a whole.
 */
export async function writeToLog({ folder }: { folder: string }, text: string): Promise<boolean> {
  const lines = await Promise.all(
    (await listProcesses()).map(async ({ pid }) => ({ pid, line: await commandLine(pid) })),
  );
  // A job whose client was lost has another writer, in a folder below.
  const writers = lines.filter(({ line }) =>
    [' ', '/'].some((end) => line.includes(` ${logWriterName} ${folder}${end}`)),
  );
  for (const { pid } of writers) {
    try {
      // The pipe from which it reads. If it is full, the output is more urgent.
      await using pipe = await open(`/proc/${pid}/fd/0`, constants.O_WRONLY | constants.O_NONBLOCK);
      await pipe.write(text);
      return true;
    } catch {
      // It has exited, or is behind.
    }
  }
  return false;
}

/**
 * The processes of a running job: all below its shim except the shim's own, which have yet to write the log and record the
 * exit code. Those are the shim itself, its two halves, and the children of the log writer.
 */
export async function listJobProcesses(shimPid: number): Promise<ProcessEntry[]> {
  const processes = await listProcesses();
  const halves = processes.filter(({ parent }) => parent === shimPid).map(({ pid }) => pid);
  const isWriter = await Promise.all(halves.map(isLogWriter));
  const writers = new Set(halves.filter((_, index) => isWriter[index]));
  const own = new Set([shimPid, ...halves]);
  const tree = new Set(treeOfGroup(shimPid, processes));
  return processes.filter(({ pid, parent }) => tree.has(pid) && !own.has(pid) && !writers.has(parent));
}

// The other half has the command line of the shim, in which the job's folder doesn't follow the writer's name.
async function isLogWriter(pid: number): Promise<boolean> {
  const line = await commandLine(pid).catch(() => '');
  return line.includes(`${logWriterName} /`);
}

/** Kills the command; the shim records its exit code. */
export async function killCommand(folder: string): Promise<void> {
  const state = await readState(folder);
  if (state.phase !== 'running' || !(await isShim(state.pid, folder))) return;
  signalAll(await listJobProcesses(state.pid), 'SIGKILL');
}
