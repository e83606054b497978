import { ControlError, createControlClient } from '../../../control/client.ts';
import type { JobRecord } from '../../../jobs/record.ts';
import { JobStore } from '../../../jobs/store.ts';
import { hasEnded } from '../../../jobs/summary.ts';
import { systemClock } from '../../../lib/clock.ts';
import { formatError, UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { Runtime } from '../../../runtimes/runtime.ts';
import { readJobLog, statLog } from '../../../shim/job-log.ts';
import type { CliContext } from '../../context.ts';
import { type ShowLogOptions, showLog } from '../../show-log.ts';
import { findRunnerPaths, type RunnerOptions, type RunnerPaths, readStateFolder } from '../runner-paths.ts';
import { createRuntimeOf } from '../runtime-of.ts';
import { elsewhereError, findElsewhere } from './elsewhere.ts';
import { findJob } from './find.ts';

const pollIntervalMs = 2000;
const queryTimeoutMs = 5000;

export async function showJobLog(
  context: CliContext,
  id: string,
  options: ShowLogOptions & RunnerOptions,
): Promise<void> {
  const paths = await findRunnerPaths(context, options);
  const store = JobStore.at(paths.stateDir, paths.logDir);
  await readStateFolder(paths, async () => {
    const jobId = await findJob(store, id, async () => {
      const elsewhere = await findElsewhere(context, paths, id);
      return elsewhere && elsewhereError('logs', elsewhere);
    });
    const { logFile } = store.paths(jobId);
    const isFinished = createIsFinished(context, paths, store, jobId);
    if (!(await statLog(logFile)) && (!options.follow || (await isFinished())))
      throw noLog(jobId, await isFinished(), await store.readFinished(jobId).catch(() => undefined));
    await showLog(context, options, ({ lines, follow, signal }) =>
      readJobLog({ logFile, lines, signal, ...(follow && { isFinished: isFinished }) }),
    );
  });
}

/** Returns whether the job has finished. If that is unknown, warns once and returns false. */
function createIsFinished(
  context: CliContext,
  paths: RunnerPaths,
  store: JobStore,
  jobId: string,
): () => Promise<boolean> {
  const { signal, stderr } = context;
  const createRuntime = createRuntimeOf(context, paths, store);
  const limit = () => AbortSignal.any([signal, AbortSignal.timeout(queryTimeoutMs)]);
  // Called on each change of the log.
  const runtimeOf = once(createRuntime);
  const listRunning = atMostEvery(pollIntervalMs, (runtime: Runtime) => runtime.listRunning(limit()));
  const listStates = atMostEvery(
    pollIntervalMs,
    async (runtime: Runtime) => (await runtime.listStates?.(limit())) ?? new Map(),
  );
  const polledRuntimeOf = async (record: JobRecord) => {
    const runtime = await runtimeOf(record);
    return { listRunning: () => listRunning(runtime), listStates: () => listStates(runtime) };
  };
  const isManaged = () => isRunnerRunning(paths, signal);
  let hasWarned = false;
  return async () => {
    try {
      return await hasEnded(jobId, { store, runtimeOf: polledRuntimeOf, isManaged });
    } catch (error) {
      signal.throwIfAborted();
      const reason = printableLine(formatError(error));
      if (!hasWarned) stderr.write(`WARNING: cannot check whether job ${jobId} has finished: ${reason}\n`);
      hasWarned = true;
      return false;
    }
  };
}

/** The first result of `work`, unless it fails. */
function once<Input, Result>(work: (input: Input) => Promise<Result>): (input: Input) => Promise<Result> {
  let result: Promise<Result> | undefined;
  return (input) => {
    result ??= work(input).catch((error: unknown) => {
      result = undefined;
      throw error;
    });
    return result;
  };
}

function atMostEvery<Input, Result>(
  ms: number,
  work: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  let last: { at: number; result: Promise<Result> } | undefined;
  return (input) => {
    const now = systemClock.now();
    if (last === undefined || now - last.at > ms) last = { at: now, result: work(input) };
    return last.result;
  };
}

async function isRunnerRunning({ stateDir }: RunnerPaths, signal: AbortSignal): Promise<boolean> {
  try {
    await createControlClient(stateDir).status(signal);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return error.failure !== 'absent';
  }
  return true;
}

function noLog(jobId: string, isFinished: boolean, record: JobRecord | undefined): UserError {
  if (record !== undefined && record.startedAt === undefined)
    return new UserError(`job ${jobId} never started, so it has no log`, {
      remedy: 'The error message of its turn has the reason.',
    });
  if (isFinished) return new UserError(`no log of job ${jobId}`, { remedy: 'It may have been pruned.' });
  return new UserError(`job ${jobId} has not started yet`, {
    remedy: 'Use -f to wait for it.',
  });
}
