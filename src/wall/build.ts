/**
 * Builds the wall of a job. Its container has no network but loopback. A folder that it gets, read-only, contains the gateway's
 * socket and the program `init`, which starts in place of the agent, proves that nothing else can be reached, and becomes it.
 */
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { writeCredentials } from '../gateway/credentials.ts';
import { keepUsage } from '../gateway/models/ledger.ts';
import {
  type EgressPolicy,
  keptReportFile,
  readPolicy,
  reportFile,
  socketFolder,
  writePolicy,
} from '../gateway/policy.ts';
import { UserError } from '../lib/errors.ts';
import { exists, makeFolder, move, writeDurably } from '../lib/files.ts';
import type { JobPaths } from '../shim/shim.ts';
import * as shim from '../shim/shim.ts';
import { companionOf, egressFolder } from './gateway-process.ts';
import { readInitProgram } from './init-program.ts';

/** Where the container finds the folder. The program `init` has the same constants. */
export const wallFolder = '/plan42-wall';
/** Where programs in the container find the gateway, on their loopback. */
export const proxyPort = 7043;

export interface Wall {
  /** The folder of this machine that the container gets at {@link wallFolder}. */
  source: string;
  /** The program that starts in place of the agent, which becomes its first argument. */
  entrypoint: string;
}

/**
 * Creates the files and starts the gateway. After an interrupted start of the same job, its container may be about to start:
 * then what it uses stays in place.
 * @param given the environment of the gateway, and the values of the credentials in the policy
 * @throws UserError if this program has no `init` for this machine
 */
export async function raiseWall(
  job: JobPaths,
  policy: EgressPolicy,
  { env, secrets }: { env: NodeJS.ProcessEnv; secrets?: ReadonlyMap<string, string> | undefined },
): Promise<Wall> {
  const program = await readInitProgram(process.arch);
  if (program === undefined) {
    throw new UserError(`cannot limit the network of the job: this program has no wall for ${process.arch}`, {
      remedy: 'Use a machine with x64 or arm64 and a package for it, or set egress.mode = "off".',
    });
  }
  const companion = companionOf(job, env);
  const source = join(companion.folder, socketFolder);
  await makeFolder(source);
  await rm(companion.failureFile, { force: true });
  await writeDurably(join(source, 'init'), program);
  // Any user of the container must be able to use both, whatever the umask is. The folder above them is the runner's alone.
  await chmod(join(source, 'init'), 0o755);
  await chmod(source, 0o755);
  if (secrets !== undefined) await writeCredentials(companion.folder, secrets);
  const before = await readPolicy(companion.folder).catch(() => undefined);
  if (!isDeepStrictEqual(before, policy) || !(await shim.isCompanionKept(companion))) {
    if (before !== undefined) await shim.stopCompanion(companion.folder);
    await writePolicy(companion.folder, policy);
    await rm(join(companion.folder, shim.endedFile), { force: true });
    await shim.startCompanion(companion);
  }
  return { source, entrypoint: join(wallFolder, 'init') };
}

/** Whether the job has a wall, or the remains of one. */
export async function hasWall(job: JobPaths): Promise<boolean> {
  return exists(egressFolder(job));
}

/** Ends the gateway of a job whose container is gone, and removes its files. Does nothing if the job has none. */
export async function lowerWall(job: JobPaths): Promise<void> {
  await shim.stopCompanion(egressFolder(job));
  // Both are complete now, and needed until the job's record is archived.
  const report = join(egressFolder(job), reportFile);
  if (await exists(report)) await move(report, join(job.folder, keptReportFile));
  await keepUsage(job.folder);
  await rm(egressFolder(job), { recursive: true, force: true });
}
