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
    const requireLog = async () => {
      const log = await statLog(logFile);
      const record = await readRecord(store, jobId);
      const isMissing = log === undefined || (log.bytes === 0 && record !== undefined && neverRan(record));
      if (isMissing && (!options.follow || (await isFinished()))) throw noLog(jobId, await isFinished(), record);
    };
    await requireLog();
    await warnIfNotCopied(context, paths, store, jobId);
    await showLog(context, options, ({ lines, follow, signal }) =>
      readJobLog({ logFile, lines, signal, ...(follow && { isFinished: isFinished }) }),
    );
    // It can have been followed from before its start.
    if (options.follow) await requireLog();
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

/** Says so if the output of a job that has not ended is copied by a runner, and none is running. */
async function warnIfNotCopied(context: CliContext, paths: RunnerPaths, store: JobStore, jobId: string): Promise<void> {
  const record = await store.readActive(jobId).catch(() => undefined);
  if (record === undefined || record.phase === 'ended' || (await isRunnerRunning(paths, context.signal))) return;
  const runtime = await createRuntimeOf(context, paths, store)(record).catch(() => undefined);
  const command = await runtime?.logCommand?.(store.paths(jobId));
  if (command === undefined) return;
  context.stderr.write(
    `WARNING: the runner is not running, so this is only what it copied before. Start it, or run: ${printableLine(command)}\n`,
  );
}

/** Undefined if it is missing or damaged. */
async function readRecord(store: JobStore, jobId: string): Promise<JobRecord | undefined> {
  const ifReadable = () => undefined;
  return (await store.readFinished(jobId).catch(ifReadable)) ?? (await store.readActive(jobId).catch(ifReadable));
}

/** Whether the job has ended without an agent that ran. */
function neverRan({ phase, startedAt, endCode }: JobRecord): boolean {
  return phase === 'ended' && (startedAt === undefined || endCode === 'start-failed');
}

function noLog(jobId: string, isFinished: boolean, record: JobRecord | undefined): UserError {
  if (record !== undefined && neverRan(record)) {
    const { endText } = record;
    const reason = endText === undefined ? '' : `: ${printableLine(endText)}`;
    return new UserError(`job ${jobId} never started, so it has no log${reason}`, {
      remedy: `The error message of its turn has ${endText === undefined ? 'the reason' : 'what to do'}.`,
    });
  }
  if (isFinished) return new UserError(`no log of job ${jobId}`, { remedy: 'It may have been pruned.' });
  return new UserError(`job ${jobId} has not started yet`, {
    remedy: 'Use -f to wait for it. If it takes long, read why: "plan42 runner logs".',
  });
}
