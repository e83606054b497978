import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../../../src/lib/errors.ts';
import { eventually } from '../eventually.ts';
import { removeDockerLeftovers } from './docker.ts';
import { removePodmanContainers } from './podman.ts';
import { run } from './processes.ts';

const prefix = 'plan42-engines-';

/** Makes a folder for engines, named after this process so that a later one sees when it has been abandoned. */
export async function makeEnginesDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
}

/**
 * Unmounts what the engines left mounted below `dir`, and deletes it. Podman's clean-up of a container runs on after the
 * removal of the container, and can mount again.
 */
export async function removeEnginesDir(dir: string): Promise<void> {
  await eventually(async () => {
    for (const mountPoint of await mountPointsBelow(dir)) await run('umount', ['--lazy', mountPoint]);
    try {
      await rm(dir, { recursive: true, force: true });
      return true;
    } catch (error) {
      if (errorCode(error) === 'EBUSY' || errorCode(error) === 'ENOTEMPTY') return false;
      throw error;
    }
  });
}

/** Cleans up after processes that were killed before they could; what a living process owns is left alone. */
export async function sweepAbandonedEngines(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  await Promise.allSettled(names.map((name) => sweep(name)));
}

async function sweep(name: string): Promise<void> {
  const dir = join(tmpdir(), name);
  const owner = Number(name.slice(prefix.length).split('-')[0]);
  // After the kernel's signal that its parent has exited, dockerd takes a while to stop its containers.
  if (isAlive(owner) || (await isAlivePidFile(join(dir, 'docker', 'dockerd.pid')))) return;
  await Promise.allSettled([removePodmanContainers(dir), removeDockerLeftovers(dir)]);
  await removeEnginesDir(dir);
}

async function isAlivePidFile(file: string): Promise<boolean> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  return pid > 0 && isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Innermost first. */
async function mountPointsBelow(dir: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const mountPoints = lines.map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '));
  return mountPoints.filter((mountPoint) => mountPoint.startsWith(`${dir}/`)).toReversed();
}
