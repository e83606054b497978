import { ControlError, createControlClient } from '../../../control/client.ts';
import type { JobRecord } from '../../../jobs/record.ts';
import { JobStore } from '../../../jobs/store.ts';
import { hasEnded } from '../../../jobs/summary.ts';
import { formatError, UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import { readJobLog, statLog } from '../../../shim/job-log.ts';
import type { CliContext } from '../../context.ts';
import { findPlaces, lookInto, type PlaceOptions, type Places } from '../places.ts';
import { createRuntimeOf } from '../runtime-of.ts';
import { type ShowLogOptions, showLog } from '../show-log.ts';
import { findJob } from './find.ts';

const askEveryMs = 2000;
const maxAnswerMs = 5000;

export async function showJobLog(
  context: CliContext,
  id: string,
  options: ShowLogOptions & PlaceOptions,
): Promise<void> {
  const places = await findPlaces(context, options);
  const store = JobStore.at(places.stateDir, places.logDir);
  await lookInto(places, async () => {
    const jobId = await findJob(store, id);
    const { logFile } = store.paths(jobId);
    const isOver = createIsOver(context, places, store, jobId);
    if (!(await statLog(logFile)) && (!options.follow || (await isOver()))) throw await noLog(jobId, await isOver());
    await showLog(context, options, ({ lines, follow, signal }) =>
      readJobLog({ logFile, lines, signal, ...(follow && { isFinished: isOver }) }),
    );
  });
}

/** Whether the job has ended; says once when that can't be found out, and takes it for running then. */
function createIsOver(context: CliContext, places: Places, store: JobStore, jobId: string): () => Promise<boolean> {
  const { signal, stderr } = context;
  const createRuntime = createRuntimeOf(context, places, store);
  let asked = { at: Number.NEGATIVE_INFINITY, running: Promise.resolve<string[]>([]) };
  const listRunning = async (record: JobRecord) => {
    const runtime = await createRuntime(record);
    return runtime.listRunning(AbortSignal.any([signal, AbortSignal.timeout(maxAnswerMs)]));
  };
  // Logs can change many times a second.
  const runtimeOf = async (record: JobRecord) => ({
    listRunning: () => {
      const now = performance.now();
      if (now - asked.at > askEveryMs) asked = { at: now, running: listRunning(record) };
      return asked.running;
    },
  });
  const isManaged = () => isRunnerThere(places, signal);
  let isTold = false;
  return async () => {
    try {
      return await hasEnded(jobId, { store, runtimeOf, isManaged });
    } catch (error) {
      signal.throwIfAborted();
      const reason = printableLine(formatError(error));
      if (!isTold) stderr.write(`Whether the job ${jobId} has ended can’t be found out now: ${reason}\n`);
      isTold = true;
      return false;
    }
  };
}

async function isRunnerThere({ stateDir }: Places, signal: AbortSignal): Promise<boolean> {
  try {
    await createControlClient(stateDir).status(signal);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return error.failure !== 'absent';
  }
  return true;
}

async function noLog(jobId: string, isOver: boolean): Promise<UserError> {
  if (isOver) return new UserError(`there is no log of the job ${jobId}`, { remedy: 'It may have been removed.' });
  return new UserError(`the job ${jobId} has not started yet`, {
    remedy: 'With -f its log is shown as soon as it does.',
  });
}
