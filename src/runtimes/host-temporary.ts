/**
 * The folder for temporary files of a job without a container. An agent that is killed leaves a clone of a private repository
 * there, and what its tools wrote; a container would take all of it along.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { listFolder, writeDurably } from '../lib/files.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import type { JobPaths } from '../shim/shim.ts';

const prefix = 'plan42-job-';
// In the job's folder: the path of the folder, which is not in there because paths of sockets have about 100 characters.
const pathFile = 'temporary';

/** Creates it, with mode 0700, where the user's temporary files are; returns its path. Repeats an interrupted start. */
export async function makeTemporaryFolder({ folder }: Pick<JobPaths, 'folder'>): Promise<string> {
  const known = await readTextIfExists(join(folder, pathFile));
  const path = known || join(tmpdir(), `${prefix}${randomUUID().slice(0, 8)}`);
  // Before the folder, so that a crash leaves no unknown folder.
  if (!known) await writeDurably(join(folder, pathFile), path);
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (!(known && errorCode(error) === 'EEXIST')) throw error;
  });
  return path;
}

/** Files that cannot be removed stay: they must not keep the job from finishing. */
export async function removeTemporaryFolder({ folder }: Pick<JobPaths, 'folder'>): Promise<void> {
  const path = await readTextIfExists(join(folder, pathFile));
  if (!path) return;
  await rm(path, { recursive: true, force: true }).catch(async () => {
    // Caches of Go modules, for example, have folders without the permission to write.
    await makeWritable(path);
    await rm(path, { recursive: true, force: true }).catch(() => {});
  });
}

async function makeWritable(folder: string): Promise<void> {
  try {
    await chmod(folder, 0o700);
    for await (const entry of listFolder(folder)) {
      if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
    }
  } catch {
    // It belongs to another user, or is gone.
  }
}
