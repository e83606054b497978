import { spawn } from 'node:child_process';
import { chmod, open } from 'node:fs/promises';
import { join } from 'node:path';
import { environmentFailure } from '../lib/environment-failure.ts';
import { errorCode } from '../lib/errors.ts';
import { createFile, move, temporaryName } from '../lib/files.ts';
import { appendToOwnFile } from '../lib/private-folder.ts';
import { readLogCopier } from './log-copier-program.ts';
import { shimName } from './processes.ts';
import { logWriterScript, shimScript } from './scripts.ts';
import { createState, readState } from './state.ts';

/** The folder and files of a job. */
export interface JobPaths {
  jobId: string;
  /** The job's own folder. The shim and runtimes keep here what they need across restarts of the runner. */
  folder: string;
  /** The newest segment of the job's log. Older segments lie beside it, see `job-log.ts`. */
  logFile: string;
}

/** A job could not be launched. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
}

export interface Launch {
  job: JobPaths & {
    /** Becomes standard input of the command. */
    requestFile: string;
    /** The segments of the log are never larger together. At least 1 MiB. */
    maxLogBytes: number;
  };
  command: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** The path of a named pipe through which the output goes, for commands whose processes outlive the shim. */
  outputPipe?: string | undefined;
  /** The shell that runs the shim. */
  shell?: string;
  /** Whether the log writer gets its program in C, where there is one. Without it, it does the same with `dd`. */
  hasCopier?: boolean;
}

/**
 * Starts the command under a shim: a small shell, detached into a session of its own, which runs the command, writes its
 * output to the job's log and records its exit code, whether or not this process is alive.
 * @throws LaunchError if the job was launched before
 */
export async function launch(given: Launch): Promise<void> {
  const { job, command, env, cwd, outputPipe = '', shell = '/bin/sh', hasCopier = true } = given;
  const { phase } = await readState(job.folder);
  if (phase !== 'none' && phase !== 'new') throw launchedBefore(job);
  await using request = await open(job.requestFile, 'r');
  await using _log = await open(job.logFile, appendToOwnFile, 0o600);
  await createState(job.folder, phase).catch((error: unknown) => {
    throw ['EEXIST', 'ENOENT'].includes(errorCode(error) ?? '') ? launchedBefore(job) : error;
  });
  if (hasCopier) await writeLogCopier(job.folder);
  const forLog = [job.logFile, String(job.maxLogBytes), outputPipe, shell, logWriterScript];
  const args = [shimName, job.folder, ...forLog, ...command];
  await spawnDetached(shell, ['-c', shimScript, ...args], { requestFd: request.fd, env, cwd });
}

/** A log writer that does not find it does without, so a full disk does not prevent the start. */
async function writeLogCopier(folder: string): Promise<void> {
  const program = await readLogCopier(process.arch);
  if (program === undefined) return;
  try {
    const path = join(folder, 'log-copier');
    const unfinished = temporaryName(path);
    await createFile(unfinished, program);
    await chmod(unfinished, 0o700);
    await move(unfinished, path);
  } catch (error) {
    if (environmentFailure(error) === undefined) throw error;
  }
}

function launchedBefore({ jobId }: JobPaths): LaunchError {
  return new LaunchError(`the job ${jobId} was started before`);
}

function spawnDetached(
  shell: string,
  args: string[],
  { requestFd, env, cwd }: { requestFd: number; env: NodeJS.ProcessEnv; cwd: string },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // The shim's own messages are no part of the job's log.
  const child = spawn(shell, args, { env, cwd, stdio: [requestFd, 'ignore', 'ignore'], detached: true });
  child.once('error', (error) => reject(new LaunchError('cannot start a process for the job', { cause: error })));
  child.once('spawn', () => {
    child.unref();
    resolve();
  });
  return promise;
}
