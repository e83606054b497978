/**
 * Runs a job as a runner on the machine of a test does, in a process of its own: its argument is a {@link JobOfProcess} as JSON.
 * Prints how it ended, as JSON, and leaves the log.
 */
import type { Mount } from '../../../src/config/mounts.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import type { EgressPolicy } from '../../../src/gateway/policy.ts';
import { formatError } from '../../../src/lib/errors.ts';
import { readReached } from '../../../src/limits/files.ts';
import type { JobLimits, LimitUse } from '../../../src/limits/limits.ts';
import { startWarden, stopWarden } from '../../../src/limits/warden-process.ts';
import { createRuntime } from '../../../src/runtimes/select.ts';

export interface JobOfProcess {
  engine: 'docker' | 'podman';
  jobId: string;
  /** The job's folder, with the request in `request`. */
  folder: string;
  logFile: string;
  image: string;
  /** The file of the configuration. */
  config: string;
  egress: EgressPolicy;
  /** Those of the runner itself. */
  mounts?: readonly Mount[];
  /** The job gets a warden that holds them. */
  limits?: JobLimits;
}

export type JobEnd =
  | {
      exitCode?: number | undefined;
      startError?: string | undefined;
      unseenBecause?: string | undefined;
      stopped?: object;
      /** The limit that ended the job. */
      reached?: LimitUse | undefined;
    }
  | { refused: string };

const { engine, config: file, limits, ...given } = JSON.parse(process.argv[2] ?? '') as JobOfProcess;
const { config } = parseConfig({ file, env: {}, flags: new Map() });
const runtime = createRuntime(engine, { config, env: process.env, instanceId: 'test', knownJobs: async () => [] });
const job = { ...given, requestFile: `${given.folder}/request`, maxLogBytes: 2 ** 24 };

const { jobId, folder, logFile } = job;
const wardenTask = {
  version: 1,
  jobId,
  folder,
  logFile,
  runtime: engine,
  wrapUpMs: 1000,
  hasOwnNetwork: true,
} as const;

async function runJob(): Promise<JobEnd> {
  try {
    // As a runner that adopts the job of one that was killed.
    if (!(await runtime.wasStarted(job))) {
      if (limits !== undefined) await startWarden({ ...wardenTask, limits }, process.env);
      await runtime.start(job);
    }
    const { exitCode, startError, unseenBecause, stopped } = await runtime.wait(job);
    const reached = await readReached(job);
    return { exitCode, startError, unseenBecause, reached, ...(stopped && { stopped }) };
  } catch (error) {
    return { refused: formatError(error) };
  } finally {
    await stopWarden(job);
    await runtime.remove(job);
  }
}

process.stdout.write(`${JSON.stringify(await runJob())}\n`);
