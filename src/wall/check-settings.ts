/** Refuses settings with which a wall would have a hole, before anything is built. The program `init` checks the result. */
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Mount } from '../config/mounts.ts';
import type { Config } from '../config/schema.ts';
import { UserError } from '../lib/errors.ts';
import { readText } from '../lib/read-file.ts';

export interface WallSettings {
  jobs: Pick<Config['jobs'], 'capabilities' | 'noNewPrivileges'>;
  /** With the real paths of their sources. */
  mounts: readonly Mount[];
  /** Whether the engine is on another machine, which has neither the gateway nor its socket. */
  isRemote: boolean;
  engine: string;
  platform?: NodeJS.Platform;
}

/** With any other, root in a container can open a network of the machine, or the machine itself. As in init/probe.c. */
const harmless = new Set(
  (
    'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MKNOD NET_BIND_SERVICE ' +
    'NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT SYS_NICE SYS_PTRACE SYS_RESOURCE'
  ).split(' '),
);

/** @throws UserError with a remedy if a job with these settings cannot be kept off networks */
export async function checkWallSettings({ jobs, mounts, engine, ...settings }: WallSettings): Promise<void> {
  const { isRemote, platform = process.platform } = settings;
  const refuse = (why: string, remedy: string) => {
    throw new UserError(`cannot limit the network of the job: ${why}`, { remedy });
  };
  const elsewhere = 'Run the runner on the machine of the engine, or set egress.mode = "off".';
  if (platform !== 'linux') refuse(`${engine} runs in a virtual machine, which does not reach the gateway`, elsewhere);
  if (isRemote) refuse(`${engine} is on another machine, which does not reach the gateway`, elsewhere);
  if (!jobs.noNewPrivileges) {
    const remedy = 'Set jobs.no_new_privileges = true, or egress.mode = "off".';
    refuse('jobs.no_new_privileges is off, so a job could open sockets that have no network namespace', remedy);
  }
  const open = jobs.capabilities.find((name) => !harmless.has(name.toUpperCase().replace(/^CAP_/, '')));
  if (open !== undefined)
    refuse(
      `the capability ${open} opens networks`,
      `Remove "${open}" from jobs.capabilities, or set egress.mode = "off".`,
    );
  const found = mounts.length === 0 ? undefined : await findMountedSocket(mounts);
  if (found !== undefined)
    refuse(`${found.mount.source} has the socket ${found.socket}`, `Remove "${found.mount.source}" from jobs.mounts.`);
}

/** A socket of a program of this machine that a container with these mounts could connect to. */
async function findMountedSocket(mounts: readonly Mount[]): Promise<{ mount: Mount; socket: string } | undefined> {
  const sockets = await Promise.all(listSockets(await readText('/proc/net/unix')).map(realSocket));
  for (const mount of mounts) {
    const isInside = (path: string) => path === mount.source || path.startsWith(`${mount.source}/`);
    const socket = sockets.find(isInside);
    if (socket !== undefined) return { mount, socket };
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
