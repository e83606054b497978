import { ControlError, createControlClient } from '../../../control/client.ts';
import { JobStore } from '../../../jobs/store.ts';
import { type JobSummary, summarizeActive } from '../../../jobs/summary.ts';
import { ExitCode, formatError, UserError } from '../../../lib/errors.ts';
import { watchUntil } from '../../../lib/watch-folder.ts';
import type { Runtime } from '../../../runtimes/runtime.ts';
import type { CliContext } from '../../context.ts';
import { print } from '../../output.ts';
import { withProgress } from '../../progress.ts';
import {
  findRunnerPaths,
  loadRunnerConfig,
  type RunnerOptions,
  type RunnerPaths,
  readStateFolder,
} from '../runner-paths.ts';
import { createRuntimeOf } from '../runtime-of.ts';
import { elsewhereError, findElsewhere } from './elsewhere.ts';
import { findJob } from './find.ts';

// From the last signal until the exit is recorded.
const maxEndMs = 10_000;

const explanations = {
  ended: 'has already finished.',
  killed: 'was killed.',
  reported: 'was killed. The runner reports this to the server when it starts.',
  canceled: 'will not start. The runner reports this to the server when it starts.',
};
type Outcome = keyof typeof explanations;

/** Kills a job, whether its runner is running or not. */
export async function killJob(context: CliContext, id: string, options: RunnerOptions): Promise<void> {
  const paths = await findRunnerPaths(context, options);
  const store = JobStore.at(paths.stateDir, paths.logDir);
  const [jobId, outcome] = await readStateFolder(paths, async () => {
    const explainMissing = async () => {
      const elsewhere = await findElsewhere(context, paths, id);
      return elsewhere && elsewhereError('kill', elsewhere);
    };
    const jobId = await findJob(store, id, explainMissing);
    const outcome = await withProgress(context, `Killing ${jobId}`, () => kill(context, paths, store, jobId));
    // An earlier turn of the task was here, and its last one is not.
    const elsewhere = outcome === 'ended' ? await findElsewhere(context, paths, id) : undefined;
    if (elsewhere && elsewhere.jobId !== jobId && !elsewhere.isFinished) throw elsewhereError('kill', elsewhere);
    return [jobId, outcome] as const;
  });
  await print(context.stdout, `Job ${jobId} ${explanations[outcome]}\n`, context.signal);
}

async function kill(context: CliContext, paths: RunnerPaths, store: JobStore, jobId: string): Promise<Outcome> {
  const runtimeOf = createRuntimeOf(context, paths, store);
  const summarize = () => summarizeActive(jobId, { store, runtimeOf });
  const job = await summarize();
  if (job === undefined || job.state === 'ended') return 'ended';
  if (await isKilledByRunner(jobId, paths, context.signal)) return 'killed';
  if (job.state === 'running') {
    if (job.record === undefined) throw new UserError(`cannot read the record of job ${jobId}`);
    const { config } = await loadRunnerConfig(context, paths);
    const runtime = await runtimeOf(job.record);
    await store.markKilled(jobId);
    await endRunningJob(runtime, store, jobId, config.jobs.stopTimeoutMs, summarize);
    return 'reported';
  }
  await store.markKilled(jobId);
  if (job.record !== undefined) await endPendingJob(await runtimeOf(job.record), store, jobId);
  // A runner that has started in the meantime may have missed the kill request.
  return (await isKilledByRunner(jobId, paths, context.signal)) ? 'killed' : 'canceled';
}

/** False if no runner is running. */
async function isKilledByRunner(jobId: string, { stateDir }: RunnerPaths, signal: AbortSignal): Promise<boolean> {
  const remedy = 'Read "plan42 runner logs".';
  try {
    if ((await createControlClient(stateDir).kill(jobId, signal)) === 'killed') return true;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    if (error.failure === 'absent') return false;
    throw new UserError(`cannot kill job ${jobId}: ${error.message}`, { remedy, cause: error });
  }
  throw new UserError(`the runner does not manage job ${jobId}`, { remedy });
}

/** A job without a shim starts without a runner too, once it finds its place. */
async function endPendingJob(runtime: Runtime, store: JobStore, jobId: string): Promise<void> {
  const paths = store.paths(jobId);
  if (runtime.listStates === undefined || !(await runtime.createdContainer(paths))) return;
  try {
    await runtime.kill(paths, 0);
  } catch (error) {
    throw await explainFailure(runtime, jobId, error);
  }
}

async function endRunningJob(
  runtime: Runtime,
  store: JobStore,
  jobId: string,
  graceMs: number,
  summarize: () => Promise<JobSummary | undefined>,
): Promise<void> {
  const paths = store.paths(jobId);
  const hasExited = async () => (await summarize())?.state !== 'running' || undefined;
  try {
    await runtime.kill(paths, graceMs);
    // A cluster ends a job on its own.
    const graceOfRuntimeMs = runtime.listStates === undefined ? 0 : graceMs;
    await watchUntil(paths.folder, hasExited, AbortSignal.timeout(graceOfRuntimeMs + maxEndMs));
  } catch (error) {
    throw await explainFailure(runtime, jobId, error);
  }
}

async function explainFailure(runtime: Runtime, jobId: string, error: unknown): Promise<UserError> {
  const readiness = await runtime.checkReady();
  const [reason, remedy] = readiness.ready ? [formatError(error), 'Try again.'] : [readiness.reason, readiness.remedy];
  return new UserError(`cannot kill job ${jobId}: ${reason}`, {
    remedy,
    exitCode: readiness.ready ? ExitCode.failed : ExitCode.runtime,
  });
}
