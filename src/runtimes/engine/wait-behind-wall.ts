/** Waits for a job behind the wall, and keeps the wall standing meanwhile. */
import type { Logger } from '../../lib/logger.ts';
import type { JobPaths } from '../../shim/shim.ts';
import { findRefusal, hasWall, keepGateway, watchMounts } from '../../wall/wall.ts';
import { gatewayEnvironment } from '../environment.ts';
import type { JobExit } from '../runtime.ts';
import type { RunEngine } from './client.ts';
import { inspectContainer } from './inspect.ts';
import { killContainer } from './kill.ts';

interface WaitOptions {
  run: RunEngine;
  env: NodeJS.ProcessEnv;
  logger: Logger;
  signal?: AbortSignal | undefined;
}

/** @param wait waits for the exit of any job. A job without a wall needs nothing else. */
export async function waitBehindWall(
  job: JobPaths,
  wait: () => Promise<JobExit>,
  { run, env, logger, signal }: WaitOptions,
): Promise<JobExit> {
  if (!(await hasWall(job))) return wait();
  const done = new AbortController();
  const whileWaiting = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
  const isRunning = async () => (await inspectContainer(run, job.jobId))?.isRunning === true;
  const keeping = keepGateway(job, { env: gatewayEnvironment(env), isRunning, logger, signal: whileWaiting }).catch(
    () => {},
  );
  const kill = () => killContainer(run, job, 0);
  const watching = watchMounts(job, { kill, logger, signal: whileWaiting });
  try {
    const exit = await wait();
    done.abort();
    const stopped = await watching;
    if (stopped !== undefined) return { ...exit, stopped: { ...stopped, code: 'wall-opened' } };
    const refusal = exit.startError === undefined && (await findRefusal(job, exit.exitCode ?? 0));
    return refusal ? { ...exit, startError: refusal.reason, startRemedy: refusal.remedy } : exit;
  } finally {
    done.abort();
    await keeping;
    await watching.catch(() => {});
  }
}
