/** Refuses settings with which a wall would have a hole, before anything is built. The program `init` checks the result. */
import type { Mount } from '../config/mounts.ts';
import type { Config } from '../config/schema.ts';
import { UserError } from '../lib/errors.ts';
import { findMountedSocket } from './mounted-sockets.ts';

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

/** In these folders, sockets come and go. In the second list, so do folders of other purposes. */
const socketFolders = ['/run', '/var/run', '/dev/shm'];
const sharedFolders = ['/tmp', '/var/tmp'];

function isForSockets(source: string): boolean {
  const contains = (outer: string, inner: string) =>
    inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
  const isInside = socketFolders.some((folder) => contains(folder, source));
  return isInside || [...socketFolders, ...sharedFolders].some((folder) => contains(source, folder));
}

/** @throws UserError with a remedy if a job with these settings cannot be kept off networks */
export async function checkWallSettings({ jobs, mounts, engine, ...settings }: WallSettings): Promise<void> {
  const { isRemote, platform = process.platform } = settings;
  const elsewhere = 'Run the runner on the machine of the engine, or set egress.mode = "off".';
  if (platform !== 'linux') refuse(`${engine} runs in a virtual machine, which does not reach the gateway`, elsewhere);
  if (isRemote) refuse(`${engine} is on another machine, which does not reach the gateway`, elsewhere);
  if (!jobs.noNewPrivileges) {
    const remedy = 'Set jobs.no_new_privileges = true, or egress.mode = "off".';
    refuse('jobs.no_new_privileges is off, so a job could open sockets that have no network namespace', remedy);
  }
  const open = findOpenCapability(jobs.capabilities);
  if (open !== undefined)
    refuse(
      `the capability ${open} opens networks`,
      `Remove "${open}" from jobs.capabilities, or set egress.mode = "off".`,
    );
  await checkWallMounts(mounts);
}

/** The first one that opens networks, if there is one. */
export function findOpenCapability(names: readonly string[]): string | undefined {
  return names.find((name) => !harmless.has(name.toUpperCase().replace(/^CAP_/, '')));
}

/** As far as it can be seen from outside: `init` searches the mounts, too. @throws UserError if they have a socket of a program */
export async function checkWallMounts(mounts: readonly Mount[]): Promise<void> {
  const sources = mounts.map(({ source }) => source);
  const forSockets = sources.find(isForSockets);
  if (forSockets !== undefined)
    refuse(`programs of this machine open sockets in ${forSockets}`, `Remove "${forSockets}" from jobs.mounts.`);
  const found = await findMountedSocket(sources);
  if (found !== undefined)
    refuse(`${found.source} has the socket ${found.socket}`, `Remove "${found.source}" from jobs.mounts.`);
}

function refuse(why: string, remedy: string): never {
  throw new UserError(`cannot limit the network of the job: ${why}`, { remedy });
}
