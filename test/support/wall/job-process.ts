/**
 * Runs a job as a runner on the machine of a test does, in a process of its own: its argument is a {@link JobOfProcess} as JSON.
 * Prints how it ended, as JSON, and leaves the log.
 */
import type { Mount } from '../../../src/config/mounts.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import type { EgressPolicy } from '../../../src/gateway/policy.ts';
import { formatError } from '../../../src/lib/errors.ts';
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
}

export type JobEnd =
  | {
      exitCode?: number | undefined;
      startError?: string | undefined;
      unseenBecause?: string | undefined;
      stopped?: object;
    }
  | { refused: string };

const { engine, config: file, ...given } = JSON.parse(process.argv[2] ?? '') as JobOfProcess;
const { config } = parseConfig({ file, env: {}, flags: new Map() });
const runtime = createRuntime(engine, { config, env: process.env, instanceId: 'test', knownJobs: async () => [] });
const job = { ...given, requestFile: `${given.folder}/request`, maxLogBytes: 2 ** 24 };

async function runJob(): Promise<JobEnd> {
  try {
    // As a runner that adopts the job of one that was killed.
    if (!(await runtime.wasStarted(job))) await runtime.start(job);
    const { exitCode, startError, unseenBecause, stopped } = await runtime.wait(job);
    return { exitCode, startError, unseenBecause, ...(stopped && { stopped }) };
  } catch (error) {
    return { refused: formatError(error) };
  } finally {
    await runtime.remove(job);
  }
}

process.stdout.write(`${JSON.stringify(await runJob())}\n`);
