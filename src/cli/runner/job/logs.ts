import { access } from 'node:fs/promises';
import { hasEnded } from '../../../jobs/overview.ts';
import { JobStore } from '../../../jobs/store.ts';
import { UserError } from '../../../lib/errors.ts';
import type { CliContext } from '../../context.ts';
import { findPlaces, lookInto, type PlaceOptions } from '../places.ts';
import { type ShowLogOptions, showLog } from '../show-log.ts';
import { findJob } from './find.ts';

export async function showJobLog(
  context: CliContext,
  id: string,
  options: ShowLogOptions & PlaceOptions,
): Promise<void> {
  const places = await findPlaces(context, options);
  const store = JobStore.at(places.stateDir, places.logDir);
  await lookInto(places, async () => {
    const jobId = await findJob(store, id);
    const { logFile } = store.place(jobId);
    const isOver = () => hasEnded(jobId, store);
    if (!(await exists(logFile)) && (!options.follow || (await isOver()))) throw await noLog(jobId, await isOver());
    await showLog(context, options, { files: [logFile], isOver });
  });
}

async function noLog(jobId: string, isOver: boolean): Promise<UserError> {
  if (isOver) return new UserError(`there is no log of the job ${jobId}`, { remedy: 'It may have been removed.' });
  return new UserError(`the job ${jobId} has not started yet`, {
    remedy: 'With -f its log is shown as soon as it does.',
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
