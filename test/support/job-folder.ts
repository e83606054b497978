import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTemporaryFolder } from '../../src/runtimes/host-temporary.ts';
import type { StartOptions } from '../../src/runtimes/runtime.ts';
import { readLog } from './job-log.ts';
import { makeTempDir } from './temp-dir.ts';

/** A job's folder, log and request, as runtimes get them. */
export interface JobFolder extends StartOptions, AsyncDisposable {
  readLog(): Promise<string>;
}

export async function makeJobFolder(request = '', name = 'job'): Promise<JobFolder> {
  const dir = await makeTempDir();
  const folder = join(dir.path, name);
  await mkdir(folder);
  const requestFile = join(folder, 'input.json');
  await writeFile(requestFile, request);
  const logFile = join(dir.path, 'job.log');
  return {
    // Its own, because what has this ID in its environment ends with the job.
    jobId: `plan42-test-${randomUUID()}`,
    folder,
    logFile,
    requestFile,
    image: 'none',
    maxLogBytes: 200 * 2 ** 20,
    readLog: () => readLog(logFile),
    async [Symbol.asyncDispose]() {
      // A test does not have to remove its job from the runtime host.
      await removeTemporaryFolder({ folder });
      await dir[Symbol.asyncDispose]();
    },
  };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
