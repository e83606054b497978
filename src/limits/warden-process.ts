/** Starts, watches and stops the warden of a job. */
import { join } from 'node:path';
import { exists } from '../lib/files.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { meterEnvironment } from '../runtimes/meter.ts';
import type { Companion, JobPaths } from '../shim/shim.ts';
import * as shim from '../shim/shim.ts';
import { limitsFolder, readState, type WardenTask, writeTask } from './files.ts';
import type { LimitName } from './limits.ts';

const watchIntervalMs = 5000;

function companionOf(job: JobPaths, env: NodeJS.ProcessEnv): Companion {
  const folder = limitsFolder(job);
  return {
    folder,
    failureFile: join(folder, 'failed'),
    command: shim.programCommand('plan42-warden'),
    env: meterEnvironment(env),
  };
}

/** Before the job is launched, so that it never runs without. Does nothing if an interrupted start of the job has. */
export async function startWarden(task: WardenTask, env: NodeJS.ProcessEnv): Promise<void> {
  const companion = companionOf(task, env);
  await writeTask(task);
  if (!(await shim.isCompanionKept(companion))) await shim.startCompanion(companion);
}

interface WatchOptions {
  env: NodeJS.ProcessEnv;
  /** Whether the job is running. */
  isRunning: () => Promise<boolean>;
  logger: Logger;
  signal: AbortSignal;
}

/** Keeps the warden of a running job running, and logs what it does. Rejects only with the reason of the signal. */
export async function watchWarden(job: JobPaths, options: WatchOptions): Promise<void> {
  const { env, isRunning, logger, signal } = options;
  if (!(await exists(limitsFolder(job)))) return;
  const keeping = shim.keepCompanion(companionOf(job, env), {
    isRunning,
    onRestart: () => logger.warn('restarted warden'),
    onError: (error) => logger.warn('cannot restart warden, retrying', { error }),
    signal,
  });
  await Promise.all([keeping, logNotices(job, logger, signal)]);
}

async function logNotices(job: JobPaths, logger: Logger, signal: AbortSignal): Promise<never> {
  let noticed: readonly LimitName[] = [];
  for (;;) {
    const state = await readState(limitsFolder(job)).catch(() => undefined);
    const now = state?.held.noticed ?? [];
    for (const limit of now.filter((name) => !noticed.includes(name)))
      logger.warn('job has used most of a limit', { limit });
    noticed = now;
    await sleep(watchIntervalMs, signal);
  }
}

/** Ends the warden of a job that is over, or was not started. Does nothing if the job has none. */
export async function stopWarden(job: JobPaths): Promise<void> {
  await shim.stopCompanion(limitsFolder(job));
}
