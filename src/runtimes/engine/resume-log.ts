/** Resumes a job's log after its client was lost: the rest of the output if the engine kept it, or a note if not. */
import { join } from 'node:path';
import { makeFolder } from '../../lib/files.ts';
import type { Logger } from '../../lib/logger.ts';
import { readLogEnd } from '../../shim/job-log.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import type { RunEngine } from './client.ts';
import { findLogPosition } from './find-log-position.ts';
import type { Container } from './inspect.ts';
import { keptLogDriver, outputPipeOf, passedLogDriver } from './log-driver.ts';
import { waitForClient } from './wait-for-client.ts';

/** The command that writes the job's log: the client, or its replacement. */
export interface LogWriter {
  /** Zero for the client; its replacements are counted. */
  index: number;
  endedAt: Date;
  /** Whether it exited before it had written everything. */
  isCutOff: (container: Container) => Promise<boolean>;
}

export interface ResumeLogOptions {
  /** The engine's. */
  command: string;
  env: NodeJS.ProcessEnv;
  run: RunEngine;
  maxLogBytes: number;
  logger: Logger;
  signal: AbortSignal | undefined;
}

interface Resume {
  container: Container;
  before: LogWriter;
  options: ResumeLogOptions;
}

// If attaching never works, the log must not fill up with notes about it.
const maxAttached = 20;
const printAndRun = 'printf "$1"; shift; exec "$@"';

/**
 * Appends the output that the engine kept since the writer was lost, until the container exits. If the engine keeps nothing,
 * appends the output from now on. A note in the log says that output is missing, or may be.
 */
export async function resumeLog(job: JobPaths, resume: Resume): Promise<LogWriter> {
  const { container, before, options } = resume;
  const { command, logger, signal } = options;
  const index = before.index + 1;
  const folder = join(job.folder, `log-${index}`);
  const isKept = container.logDriver === keptLogDriver;
  const lost = { job_id: job.jobId, lost_at: before.endedAt.toISOString() };
  try {
    const isNew = await append(job, folder, options, async () => {
      if (isKept) {
        const since = await findLogPosition({ ...options, ...job, lostAt: before.endedAt });
        const logs = [command, 'logs', '--follow', '--since', since, job.jobId];
        return before.index === 0 ? await withNote(job, keptLine(command), logs) : logs;
      }
      return await withNote(job, missingLine(command, container), container.isRunning ? attach(job, resume) : ['true']);
    });
    if (isNew) logger.info('resumed job log', lost);
  } catch (error) {
    signal?.throwIfAborted();
    logger.warn('cannot resume job log, further output will be missing', { ...lost, error });
    return { index, endedAt: before.endedAt, isCutOff: async () => false };
  }
  if (!isKept) {
    const { endedAt } = await waitForClient(job, { ...options, folder });
    return { index, endedAt, isCutOff: async ({ isRunning }) => isRunning && index < maxAttached };
  }
  const { exitCode, endedAt } = await shim.waitForExit(folder, signal);
  const beganAtMs = await shim.launchedAtMs(folder);
  // With --follow the last lines can be missing (Docker 20.10). Only a command started after the exit is sure to have them.
  return { index, endedAt, isCutOff: async (now) => exitCode !== 0 || beganAtMs <= now.endedAtMs };
}

/** A command that prints the output from now on. */
function attach({ folder, jobId }: JobPaths, { container, options: { command } }: Resume): string[] {
  if (container.logDriver === passedLogDriver) return ['cat', outputPipeOf(folder)];
  return [command, 'attach', '--no-stdin', '--sig-proxy=false', jobId];
}

function missingLine(command: string, { isRunning, logDriver }: Container): string {
  if (logDriver === passedLogDriver) return 'output may be missing here: the log writer of the job was killed';
  return isRunning
    ? `output is missing here: "${command} run" was killed while the agent kept running`
    : `output may be missing here: "${command} run" was killed before the agent exited`;
}

// A daemon that stops loses the output that it has read but not written (up to 16 KiB with Docker 20.10).
function keptLine(command: string): string {
  return `"${command} run" was cut off here: the output that the engine kept follows, and may lack a few lines`;
}

/** Notes once in the log that there is no further output. */
export async function noteUnwatched(job: JobPaths, options: ResumeLogOptions): Promise<void> {
  const folder = join(job.folder, 'log-unwatched');
  const line = `all further output is missing: ${options.command}’s monitor of the container was killed`;
  try {
    await append(job, folder, options, () => withNote(job, line, ['true']));
    await shim.waitForExit(folder, options.signal);
  } catch (error) {
    options.signal?.throwIfAborted();
    options.logger.warn('cannot write to job log', { job_id: job.jobId, error });
  }
}

/** A command that prints a note before it runs another. */
async function withNote({ logFile }: JobPaths, text: string, command: readonly string[]): Promise<string[]> {
  const last = await readLogEnd(logFile, 1);
  const lineEnd = last.length === 0 || last.toString() === '\n' ? '' : '\\n';
  return ['/bin/sh', '-c', printAndRun, 'plan42-note', `${lineEnd}[plan42: ${text}]\\n`, ...command];
}

/** Launches the next writer under a shim, unless an earlier run of the runner did; resolves with whether it was launched. */
async function append(
  job: JobPaths,
  folder: string,
  { env, maxLogBytes }: ResumeLogOptions,
  makeCommand: () => Promise<string[]>,
): Promise<boolean> {
  await makeFolder(folder);
  if (await shim.wasStarted(folder)) return false;
  const command = await makeCommand();
  await shim.launch({
    job: { ...job, folder, requestFile: '/dev/null', maxLogBytes },
    command,
    env,
    cwd: folder,
  });
  return true;
}
