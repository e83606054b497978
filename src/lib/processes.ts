import { readdir, readFile } from 'node:fs/promises';
import { systemClock } from './clock.ts';
import { errorCode } from './errors.ts';
import { runCommand } from './run-command.ts';
import { sleep } from './sleep.ts';

// A program that is not in memory yet is read from a disk that may be busy.
const maxExecMs = 2000;

/**
 * The arguments of a process, separated by spaces. Empty if the process has exited (including zombies) or belongs to another
 * user. Rejects if it cannot be read, for example because the process is out of file descriptors.
 */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    for (const startedAt = systemClock.now(); ; await sleep(1)) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(emptyIfGone);
      if (line !== '' || !(await isInExec(pid)) || systemClock.now() - startedAt > maxExecMs) {
        return line.replaceAll('\0', ' ');
      }
    }
  }
  const { stdout } = await runCommand('ps', ['-ww', '-o', 'args=', '-p', String(pid)], {
    env: { PATH: '/usr/bin:/bin' },
  });
  return stdout;
}

/**
 * Whether a process without arguments has memory. While exec(2) replaces the program, the new memory has no arguments yet; a
 * process that has exited, and a thread of the kernel, have none of either.
 */
async function isInExec(pid: number): Promise<boolean> {
  const stat = await readProc(String(pid), 'stat');
  return Number(fieldsAfterName(stat)[20] ?? 0) > 0;
}

function emptyIfGone(error: unknown): string {
  if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return '';
  throw error;
}

export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
}

/** All processes that this user can see. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  return process.platform === 'linux' ? listFromProc() : listFromPs();
}

/** The members of a process group and all their descendants, including those that left the group. */
export function treeOfGroup(group: number, processes: readonly ProcessEntry[]): number[] {
  const members = new Set(processes.filter((entry) => entry.group === group).map((entry) => entry.pid));
  for (let size = -1; size !== members.size; ) {
    size = members.size;
    for (const { pid, parent } of processes) if (members.has(parent)) members.add(pid);
  }
  return [...members];
}

/**
 * The processes of this user that were started with `name=value` in their environment, anywhere in the process tree. Empty
 * on systems other than Linux.
 */
export async function listWithVariable(name: string, value: string): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const variable = `${name}=${value}`;
  const pids = await listPids();
  const matches = await Promise.all(pids.map((pid) => readProc(pid, 'environ')));
  return pids.filter((_, index) => matches[index]?.split('\0').includes(variable)).map(Number);
}

/** Skips processes that have exited. */
export function signalAll(processes: readonly Pick<ProcessEntry, 'pid'>[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has exited.
    }
  }
}

// The unit of /proc on every Linux.
const clockTicksPerSecond = 100;

/** Returns the processor time of processes and of their children that have exited. 0 on systems other than Linux. */
export async function cpuMsOf(pids: readonly number[]): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const stats = await Promise.all(pids.map((pid) => readProc(String(pid), 'stat')));
  const ticks = stats.map((stat) => {
    // The fields 14 to 17.
    const times = fieldsAfterName(stat).slice(11, 15);
    return times.reduce((sum, time) => sum + Number(time), 0);
  });
  return (ticks.reduce((sum, count) => sum + count, 0) * 1000) / clockTicksPerSecond;
}

async function listPids(): Promise<string[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
}

/** Empty if the process has exited or belongs to another user. */
function readProc(pid: string, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
}

async function listFromProc(): Promise<ProcessEntry[]> {
  const entries = await Promise.all((await listPids()).map((pid) => readProc(pid, 'stat')));
  return entries.filter((stat) => stat !== '').map(parseStat);
}

/** The fields of a `stat` file of /proc from the third on: the second is the name of the command, with any characters in it. */
function fieldsAfterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function parseStat(stat: string): ProcessEntry {
  const [, parent, group] = fieldsAfterName(stat);
  return { pid: Number.parseInt(stat, 10), parent: Number(parent), group: Number(group) };
}

async function listFromPs(): Promise<ProcessEntry[]> {
  const { stdout } = await runCommand('ps', ['-A', '-o', 'pid=,ppid=,pgid='], { env: { PATH: '/usr/bin:/bin' } });
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, parent, group]) => (pid && group ? [{ pid, parent: parent ?? 0, group }] : []));
}
