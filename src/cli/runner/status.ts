import { defaultPaths } from '../../config/paths.ts';
import { ControlError, createControlClient } from '../../control/client.ts';
import type { RunnerStatus } from '../../control/messages.ts';
import { JobStore } from '../../jobs/store.ts';
import { UserError } from '../../lib/errors.ts';
import { runnerService } from '../../service/services.ts';
import type { CliContext } from '../context.ts';
import { print, renderJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import { findOutdated, type Outdated } from '../service/outdated.ts';
import { readServiceState } from '../service/state.ts';
import { type ReadJobs, readJobs } from './job/list.ts';
import { jobsAsJson } from './job/table.ts';
import { findRunnerPaths, type RunnerOptions, type RunnerPaths } from './runner-paths.ts';
import { type Picture, renderStatus } from './status-text.ts';

export interface StatusOptions extends RunnerOptions {
  json?: boolean;
}

/** Prints the status. @throws UserError if the runner is not running or not responding, after printing */
export async function showStatus(context: CliContext, options: StatusOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const paths = await findRunnerPaths(context, options);
  const { note, ...picture } = await withProgress(context, 'Requesting status', () => collectStatus(context, paths));
  stderr.write(note);
  const store = JobStore.at(paths.stateDir, paths.logDir);
  const { jobs, ...others } = picture;
  const text = options.json
    ? renderJson({ ...others, configFile: paths.configFile, stateDir: paths.stateDir, jobs: jobsAsJson(jobs, store) })
    : renderStatus(context, paths, picture);
  await print(stdout, text, signal);
  if (picture.state === 'not-running')
    throw new UserError('the runner is not running', {
      remedy: 'Start it with "plan42 runner enable", or in the foreground with "plan42 runner exec".',
    });
  if (picture.state === 'not-answering')
    throw new UserError('the runner is running but not responding', { remedy: 'Read "plan42 runner logs".' });
}

async function collectStatus(context: CliContext, paths: RunnerPaths): Promise<Picture & Pick<ReadJobs, 'note'>> {
  const [runner, service, { jobs, note }] = await Promise.all([
    requestStatus(paths.stateDir, context.signal),
    readServiceState(context, runnerService),
    readJobs(context, paths, false),
  ]);
  return { ...runner, outdated: await outdatedRunner(context, runner.runner), service, jobs, note };
}

async function outdatedRunner(context: CliContext, runner: RunnerStatus | null): Promise<Outdated | null> {
  if (runner === null) return null;
  const { version, pid, configFile } = runner;
  const isDefault = configFile === defaultPaths(context.env).configFile;
  const enableArguments = isDefault ? [] : ['-c', configFile];
  return findOutdated(context, runnerService, { version, pid, enableArguments });
}

async function requestStatus(
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
