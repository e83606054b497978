/** What a job's log gets after its client: the rest of the output where it can be had, and a line where it can't. */
import { join } from 'node:path';
import { makeFolder } from '../../lib/files.ts';
import type { Logger } from '../../lib/logger.ts';
import { readLogEnd } from '../../shim/job-log.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { findContinuation } from './find-log-position.ts';
import type { Container } from './inspect.ts';
import type { RunEngine } from './run-engine.ts';
import { waitForClient } from './wait-for-client.ts';

/** What writes the job's log: the client, or what takes its place. */
export interface LogWriter {
  /** Zero is the client's, and those behind it are counted. */
  piece: number;
  endedAt: Date;
  /** Whether it has not written to the end. */
  isCutOff: (container: Container) => Promise<boolean>;
}

export interface LogPieceOptions {
  /** The engine's. */
  command: string;
  env: NodeJS.ProcessEnv;
  run: RunEngine;
  /** Of the job's log. */
  maxLogBytes: number;
  logger: Logger;
  signal: AbortSignal | undefined;
}

interface TakeUp {
  container: Container;
  before: LogWriter;
  options: LogPieceOptions;
}

/** Of containers whose engine keeps what they write, within bounds. */
export const keptLogDriver = 'local';
// Should attaching never work, the log must not fill with lines that say so.
const maxAttached = 20;
const sayAndRun = 'printf "$1"; shift; exec "$@"';

/**
 * Appends to the log what the engine has kept since its writer was lost, to the end of the container. Where the engine keeps
 * nothing, what comes from now on is appended. A line says that output is missing, or can be.
 */
export async function takeUpLog(job: JobPaths, { container, before, options }: TakeUp): Promise<LogWriter> {
  const { command, logger, signal } = options;
  const piece = before.piece + 1;
  const folder = join(job.folder, `log-${piece}`);
  const isKept = container.logDriver === keptLogDriver;
  const lost = { job_id: job.jobId, lost_at: before.endedAt.toISOString() };
  try {
    const isNew = await append(job, folder, options, async () => {
      if (isKept) {
        const since = await findContinuation({ ...options, ...job, lostAt: before.endedAt });
        const logs = [command, 'logs', '--follow', '--since', since, job.jobId];
        return before.piece === 0 ? await saying(job, keptLine(command), logs) : logs;
      }
      const attach = [command, 'attach', '--no-stdin', '--sig-proxy=false', job.jobId];
      return await saying(job, missingLine(command, container), container.isRunning ? attach : ['true']);
    });
    if (isNew) logger.info('the job’s log is taken up again', lost);
  } catch (error) {
    signal?.throwIfAborted();
    logger.warn('the job’s log can’t be taken up again: what comes is missing in it', { ...lost, error });
    return { piece, endedAt: before.endedAt, isCutOff: async () => false };
  }
  if (!isKept) {
    const { endedAt } = await waitForClient(job, { ...options, folder });
    return { piece, endedAt, isCutOff: async ({ isRunning }) => isRunning && piece < maxAttached };
  }
  const { exitCode, endedAt } = await shim.waitForExit(folder, signal);
  const beganAtMs = await shim.launchedAtMs(folder);
  // One that follows can miss the last lines (Docker 20.10): only one that began after the end has them for certain.
  return { piece, endedAt, isCutOff: async (now) => exitCode !== 0 || beganAtMs <= now.endedAtMs };
}

function missingLine(command: string, { isRunning }: Container): string {
  return isRunning
    ? `output is missing here: "${command} run" was ended, and the agent went on`
    : `output may be missing here: "${command} run" was ended before the agent`;
}

// A daemon that ends loses what it has read from the agent and not written down (with Docker 20.10 up to 16 KiB were seen).
function keptLine(command: string): string {
  return `"${command} run" was cut off here: what the engine has kept follows, in which lines of a moment can be missing`;
}

/** Says once in the log that nothing more comes. */
export async function noteUnwatched(job: JobPaths, options: LogPieceOptions): Promise<void> {
  const folder = join(job.folder, 'log-unwatched');
  const line = `what the agent wrote from here on is missing: ${options.command}’s monitor of the container was killed`;
  try {
    await append(job, folder, options, () => saying(job, line, ['true']));
    await shim.waitForExit(folder, options.signal);
  } catch (error) {
    options.signal?.throwIfAborted();
    options.logger.warn('the job’s log can’t be written to', { job_id: job.jobId, error });
  }
}

/** A command that says a line of its own in the log before it runs another. */
async function saying({ logFile }: JobPaths, text: string, command: readonly string[]): Promise<string[]> {
  const last = await readLogEnd(logFile, 1);
  const lineEnd = last.length === 0 || last.toString() === '\n' ? '' : '\\n';
  return ['/bin/sh', '-c', sayAndRun, 'plan42-note', `${lineEnd}[plan42: ${text}]\\n`, ...command];
}

/** Starts what writes the next piece, supervised like the client, unless an earlier run did; resolves with whether it did. */
async function append(
  job: JobPaths,
  folder: string,
  { env, maxLogBytes }: LogPieceOptions,
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
