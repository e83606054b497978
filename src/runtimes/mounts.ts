/** Checks the mounts of agents. Settings cannot: files come and go. */
import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Mount, showMount } from '../config/mounts.ts';
import { errorCode, formatError, UserError } from '../lib/errors.ts';
import { parseMountTable } from '../lib/mount-table.ts';
import { readText } from '../lib/read-file.ts';

export interface MountGuard {
  /** Files and folders of the runner, with its tokens and other jobs. */
  protectedPaths: readonly string[];
  /** The environment of the engine's commands, which can name its socket. */
  env: NodeJS.ProcessEnv;
}

/**
 * Returns the mounts with the real paths of their sources.
 * @throws UserError if one is missing, or would give agents the engine or the runner's own files
 */
export async function checkMounts(mounts: readonly Mount[], guard: MountGuard): Promise<Mount[]> {
  if (mounts.length === 0) return [];
  const [sockets, own, mountPoints] = await Promise.all([
    existing(engineSockets(guard.env)),
    existing(guard.protectedPaths),
    listMountPoints(),
  ]);
  return Promise.all(
    mounts.map(async (mount) => {
      const source = await findSource(mount);
      const refuse = (why: string, remedy: string) => {
        throw new UserError(`cannot mount ${mount.source}: ${why}`, { remedy });
      };
      const socket = sockets.find((path) => overlaps(source, path));
      if (socket !== undefined)
        refuse(`it contains ${socket}, with which an agent controls this machine`, `Correct ${describe(mount)}.`);
      const file = own.find((path) => overlaps(source, path));
      if (file !== undefined)
        refuse(`the runner’s own files are in ${file}`, `Mount a smaller folder in ${describe(mount)}.`);
      // Engines make only the top file system read-only, depending on engine and kernel.
      const below = mount.isReadOnly ? mountPoints.find((path) => path.startsWith(`${source}/`)) : undefined;
      if (below !== undefined)
        refuse(
          `the file system ${below} below it would stay writable`,
          `Mount a smaller folder in ${describe(mount)}.`,
        );
      return { ...mount, source };
    }),
  );
}

const describe = (mount: Mount) => `jobs.mounts ("${showMount(mount)}")`;

async function findSource(mount: Mount): Promise<string> {
  try {
    const source = await realpath(mount.source);
    // Engines take mounts as lists of such values.
    if (!/[,":\p{Cc}]/u.test(source)) return source;
    throw new Error(`it leads to ${source}, a name that engines cannot mount`);
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'it does not exist' : formatError(error);
    // Without the cause, which is part of the message already.
    throw new UserError(`cannot mount ${mount.source}: ${why}`, {
      remedy: `Create it, or correct ${describe(mount)}.`,
    });
  }
}

/** Whether one of the paths contains the other. */
function overlaps(a: string, b: string): boolean {
  const [inA, inB] = [a, b].map((path) => (path === '/' ? path : `${path}/`)) as [string, string];
  return a === b || b.startsWith(inA) || a.startsWith(inB);
}

/** The sockets by which engines are controlled, wherever they may be. */
function engineSockets(env: NodeJS.ProcessEnv): string[] {
  const home = env['HOME'] ?? homedir();
  const run = env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.() ?? 0}`;
  const named = ['DOCKER_HOST', 'CONTAINER_HOST'].flatMap((name) => {
    const path = /^unix:\/\/(\/.*)/.exec(env[name] ?? '')?.[1];
    return path === undefined ? [] : [path];
  });
  return [
    ...named,
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    '/run/containerd/containerd.sock',
    join(run, 'docker.sock'),
    join(run, 'podman/podman.sock'),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.colima/default/docker.sock'),
  ];
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => realpath(path).catch(() => undefined)));
  return found.filter((path) => path !== undefined);
}

/** Empty where they cannot be listed: other systems than Linux share files with a virtual machine. */
async function listMountPoints(): Promise<string[]> {
  const table = await readText('/proc/self/mountinfo').catch(() => '');
  return parseMountTable(table).map(({ path }) => path);
}
