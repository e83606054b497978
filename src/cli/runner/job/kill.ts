import { ControlError, createControlClient } from '../../../control/client.ts';
import { JobStore } from '../../../jobs/store.ts';
import { type JobSummary, summarizeActive } from '../../../jobs/summary.ts';
import { ExitCode, formatError, UserError } from '../../../lib/errors.ts';
import { watchUntil } from '../../../lib/watch-folder.ts';
import type { Runtime } from '../../../runtimes/runtime.ts';
import type { CliContext } from '../../context.ts';
import { print } from '../../output.ts';
import { withProgress } from '../../progress.ts';
import { findPlaces, loadPlacedConfig, lookInto, type PlaceOptions, type Places } from '../places.ts';
import { createRuntimeOf } from '../runtime-of.ts';
import { findJob } from './find.ts';

// From the last signal to the note that the job has ended.
const maxEndMs = 10_000;

const explanations = {
  ended: 'has already ended.',
  killed: 'was killed.',
  reported: 'was killed. The server is told at the next start of the runner.',
  noted: 'had not started, and will not. The server is told at the next start of the runner.',
};
type Outcome = keyof typeof explanations;

/** Ends a job, with or without a runner that looks after it. */
export async function killJob(context: CliContext, id: string, options: PlaceOptions): Promise<void> {
  const places = await findPlaces(context, options);
  const store = JobStore.at(places.stateDir, places.logDir);
  const [jobId, outcome] = await lookInto(places, async () => {
    const jobId = await findJob(store, id);
    return [jobId, await withProgress(context, `Ending ${jobId}`, () => kill(context, places, store, jobId))] as const;
  });
  await print(context.stdout, `The job ${jobId} ${explanations[outcome]}\n`, context.signal);
}

async function kill(context: CliContext, places: Places, store: JobStore, jobId: string): Promise<Outcome> {
  const runtimeOf = createRuntimeOf(context, places, store);
  const look = () => summarizeActive(jobId, { store, runtimeOf });
  const job = await look();
  if (job === undefined || job.state === 'ended') return 'ended';
  if (await isKilledByRunner(jobId, places, context.signal)) return 'killed';
  if (job.state === 'running') {
    if (job.record === undefined) throw new UserError(`the record of the job ${jobId} cannot be read`);
    const { config } = await loadPlacedConfig(context, places);
    const runtime = await runtimeOf(job.record);
    await store.markKilled(jobId);
    await endRunningJob(runtime, store, jobId, config.jobs.stopTimeoutMs, look);
    return 'reported';
  }
  await store.markKilled(jobId);
  // A runner that was started meanwhile may have looked for the mark already.
  return (await isKilledByRunner(jobId, places, context.signal)) ? 'killed' : 'noted';
}

/** False when there is no runner. */
async function isKilledByRunner(jobId: string, { stateDir }: Places, signal: AbortSignal): Promise<boolean> {
  const remedy = '"plan42 runner logs" may tell why.';
  try {
    if ((await createControlClient(stateDir).kill(jobId, signal)) === 'killed') return true;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    if (error.failure === 'absent') return false;
    throw new UserError(`the job ${jobId} could not be killed: ${error.message}`, { remedy, cause: error });
  }
  throw new UserError(`the runner does not look after the job ${jobId}`, { remedy });
}

async function endRunningJob(
  runtime: Runtime,
  store: JobStore,
  jobId: string,
  graceMs: number,
  look: () => Promise<JobSummary | undefined>,
): Promise<void> {
  const place = store.paths(jobId);
  const isOver = async () => (await look())?.state !== 'running' || undefined;
  try {
    await runtime.kill(place, graceMs);
    await watchUntil(place.folder, isOver, AbortSignal.timeout(maxEndMs));
  } catch (error) {
    const readiness = await runtime.checkReady();
    const [reason, remedy] = readiness.ready
      ? [formatError(error), 'Try again.']
      : [readiness.reason, readiness.remedy];
    throw new UserError(`the job ${jobId} could not be killed: ${reason}`, {
      remedy,
      exitCode: readiness.ready ? ExitCode.failed : ExitCode.runtime,
    });
  }
}
