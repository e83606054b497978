/**
 * The state of a shim is the name of a file in the job's folder,
 *
 *     supervisor.new → supervisor.running.<pid> → supervisor.ending.<pid>.<code> → supervisor.exited.<code>
 *
 * changed only by renaming: atomic, possible on a full disk, and possible only once, so that a job can't be started
 * twice. While a job is `ending`, its command has exited and its log is not complete yet. The file contains the boot ID
 * of the machine, because a process doesn't outlive a restart.
 */

import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readBootId } from '../lib/boot-id.ts';
import { errorCode } from '../lib/errors.ts';
import { readText } from '../lib/read-file.ts';

const prefix = 'supervisor.';
const newName = `${prefix}new`;

export type ShimState =
  | { phase: 'none' }
  | { phase: 'new' }
  /** With an exit code, the command has exited and its log is being completed. */
  | { phase: 'running'; pid: number; exitCode?: number }
  | { phase: 'exited'; exitCode: number; endedAt: Date };

export async function readState(folder: string): Promise<ShimState> {
  const name = await findStateFile(folder);
  const [, phase, value, exitCode] = name?.split('.') ?? [];
  if (name === undefined) return { phase: 'none' };
  if (phase === 'running') return { phase, pid: Number(value) };
  if (phase === 'ending') return { phase: 'running', pid: Number(value), exitCode: Number(exitCode) };
  if (phase !== 'exited') return { phase: 'new' };
  // Renaming sets the change time, and no other.
  const { ctime } = await stat(join(folder, name));
  return { phase, exitCode: Number(value), endedAt: ctime };
}

export async function wasStarted(folder: string): Promise<boolean> {
  const { phase } = await readState(folder);
  return phase === 'running' || phase === 'exited';
}

/** When the command was launched; zero if it was not. */
export async function launchedAtMs(folder: string): Promise<number> {
  const name = await findStateFile(folder);
  // Renaming keeps the modification time.
  return name === undefined ? 0 : (await stat(join(folder, name))).mtimeMs;
}

/**
 * Creates the state file of a job that is about to be launched. Takes over one that an interrupted launch left, but never
 * creates it again while the shim of that launch is renaming it.
 * @throws Error with the code EEXIST or ENOENT if the job was launched before
 */
export async function createState(folder: string, phase: 'none' | 'new'): Promise<void> {
  await using file = await open(join(folder, newName), phase === 'none' ? 'wx' : 'r+', 0o600);
  await file.write((await readBootId()) ?? '', 0);
}

/** Removes the state file of a launch that was interrupted, by a crash for instance. The shim can't start without it. */
export async function removeAbandonedState(folder: string): Promise<boolean> {
  const path = join(folder, newName);
  try {
    await rm(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Whether the machine was restarted since the launch; undefined if that is not known. */
export async function wasMachineRestarted(folder: string): Promise<boolean | undefined> {
  const name = await findStateFile(folder);
  const then = await readText(join(folder, name ?? '')).catch(() => '');
  const now = await readBootId();
  return then !== '' && now !== undefined ? then !== now : undefined;
}

/** Removes the state, so that the folder can be used again. */
export async function forget(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (name.startsWith(prefix)) await rm(join(folder, name), { force: true });
  }
}

async function findStateFile(folder: string): Promise<string | undefined> {
  return (await namesIn(folder)).find((name) => name.startsWith(prefix));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
