import { ControlError, createControlClient } from '../../control/client.ts';
import type { RunnerStatus } from '../../control/messages.ts';
import { JobStore } from '../../jobs/store.ts';
import { UserError } from '../../lib/errors.ts';
import type { CliContext } from '../context.ts';
import { print, renderJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import { type ReadJobs, readJobs } from './job/list.ts';
import { jobsAsJson } from './job/table.ts';
import { findPlaces, type PlaceOptions, type Places } from './places.ts';
import { readServiceState } from './service-state.ts';
import { type Picture, renderStatus } from './status-text.ts';

export interface StatusOptions extends PlaceOptions {
  json?: boolean;
}

/** How the runner is. @throws UserError when it isn't running, after saying what there is to say all the same */
export async function showStatus(context: CliContext, options: StatusOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const places = await findPlaces(context, options);
  const { note, ...picture } = await withProgress(context, 'Asking the runner', () => look(context, places));
  stderr.write(note);
  const store = JobStore.at(places.stateDir, places.logDir);
  const { jobs, ...others } = picture;
  const text = options.json
    ? renderJson({ ...others, configFile: places.configFile, stateDir: places.stateDir, jobs: jobsAsJson(jobs, store) })
    : renderStatus(context, places, picture);
  await print(stdout, text, signal);
  if (picture.state === 'not-running')
    throw new UserError('the runner is not running', {
      remedy: 'Start it with "plan42 runner enable", or in the foreground with "plan42 runner exec".',
    });
  if (picture.state === 'not-answering')
    throw new UserError('the runner runs and does not answer', { remedy: '"plan42 runner logs" may tell why.' });
}

async function look(context: CliContext, places: Places): Promise<Picture & Pick<ReadJobs, 'note'>> {
  const [answer, service, { jobs, note }] = await Promise.all([
    askRunner(places.stateDir, context.signal),
    readServiceState(context),
    readJobs(context, places, false),
  ]);
  return { ...answer, service, jobs, note };
}

async function askRunner(
  stateDir: string,
  signal: AbortSignal,
): Promise<{ state: Picture['state']; problem: string | null; runner: RunnerStatus | null }> {
  try {
    return { state: 'running', problem: null, runner: await createControlClient(stateDir).status(signal) };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    if (error.failure === 'absent') return { state: 'not-running', problem: null, runner: null };
    return { state: 'not-answering', problem: error.message, runner: null };
  }
}
