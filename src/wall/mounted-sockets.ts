/** Sockets of programs of this machine in mounted folders: a job that connects to one gets past its wall. */
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { writeDurably } from '../lib/files.ts';
import { parseJson } from '../lib/json.ts';
import { readText } from '../lib/read-file.ts';
import type { JobPaths } from '../shim/shim.ts';

export interface MountedSocket {
  /** The real path of the mounted file or folder. */
  source: string;
  socket: string;
}

/**
 * Returns a bound socket that a container with these mounts could connect to. Sockets of other network namespaces, such as those
 * that a job binds itself, are not in the kernel's table of this one.
 */
export async function findMountedSocket(sources: readonly string[]): Promise<MountedSocket | undefined> {
  if (sources.length === 0) return undefined;
  const sockets = await Promise.all(listSockets(await readText('/proc/net/unix')).map(realSocket));
  for (const source of sources) {
    const socket = sockets.find((path) => path === source || path.startsWith(`${source}/`));
    if (socket !== undefined) return { source, socket };
  }
  return undefined;
}

/** The paths of the bound sockets in the kernel's table. Abstract ones (`@…`) belong to a network namespace. */
export function listSockets(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const path = line.trim().split(/\s+/).slice(7).join(' ');
    return path.startsWith('/') ? [path] : [];
  });
}

async function realSocket(path: string): Promise<string> {
  const folder = dirname(path);
  return join(await realpath(folder).catch(() => folder), path.slice(folder.length));
}

const fileOf = ({ folder }: JobPaths) => join(folder, 'wall-mounts.json');

/** Keeps the mounts of a job for the time after a restart, when the settings may be others. */
export async function saveMounts(job: JobPaths, sources: readonly string[]): Promise<void> {
  if (sources.length > 0) await writeDurably(fileOf(job), JSON.stringify(sources));
}

export async function readMounts(job: JobPaths): Promise<readonly string[]> {
  try {
    return parseJson(await readText(fileOf(job))) as string[];
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
