import { readdir, readFile } from 'node:fs/promises';
import { runCommand } from './run-command.ts';

export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
}

/** All processes of the machine that this user can see. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  return process.platform === 'linux' ? listFromProc() : listFromPs();
}

/** The members of a process group and all their descendants, those that left the group included. */
export function treeOfGroup(group: number, processes: readonly ProcessEntry[]): number[] {
  const members = new Set(processes.filter((entry) => entry.group === group).map((entry) => entry.pid));
  for (let size = -1; size !== members.size; ) {
    size = members.size;
    for (const { pid, parent } of processes) if (members.has(parent)) members.add(pid);
  }
  return [...members];
}

async function listFromProc(): Promise<ProcessEntry[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return entries.filter((stat) => stat !== '').map(parseStat);
}

// pid (comm) state ppid pgrp …; the command's name may hold spaces and parentheses.
function parseStat(stat: string): ProcessEntry {
  const [, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid: Number.parseInt(stat, 10), parent: Number(parent), group: Number(group) };
}

async function listFromPs(): Promise<ProcessEntry[]> {
  const { stdout } = await runCommand('ps', ['-A', '-o', 'pid=,ppid=,pgid='], { env: { PATH: '/usr/bin:/bin' } });
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, parent, group]) => (pid && group ? [{ pid, parent: parent ?? 0, group }] : []));
}
