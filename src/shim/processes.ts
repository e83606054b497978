/** The processes of a shim and of its job, found by their command lines: process IDs are reused, a job's folder is not. */
import { commandLine, listProcesses, type ProcessEntry, signalAll, treeOfGroup } from '../lib/processes.ts';
import { readState, wasMachineRestarted } from './state.ts';

/** The names under which a shim and its log writer run, each followed by the job's folder. */
export const shimName = 'plan42-job';
export const logWriterName = 'plan42-job-log';

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
