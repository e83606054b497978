import { JobStore } from '../../../jobs/store.ts';
import { inListOrder, type JobSummary, listJobs } from '../../../jobs/summary.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { withProgress } from '../../progress.ts';
import { findRunnerPaths, type RunnerOptions, type RunnerPaths, readStateFolder } from '../runner-paths.ts';
import { createRuntimeOf } from '../runtime-of.ts';
import { jobsAsJson, renderJobs } from './table.ts';
import { fillMissingTitles } from './titles.ts';

export interface ListJobsOptions extends RunnerOptions {
  all?: boolean;
  json?: boolean;
  verbose?: boolean;
}

export async function listJobsCommand(context: CliContext, options: ListJobsOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const paths = await findRunnerPaths(context, options);
  const store = JobStore.at(paths.stateDir, paths.logDir);
  const read = () => readJobs(context, paths, options.all ?? false);
  const { jobs, note } = await withProgress(context, 'Listing jobs', read);
  stderr.write(note);
  const shown = options.all ? jobs : jobs.filter((job) => job.state === 'running');
  if (options.json) return print(stdout, renderJson(jobsAsJson(shown, store)), signal);
  if (shown.length > 0) return print(stdout, renderJobs(context, shown, { verbose: options.verbose ?? false }), signal);
  stderr.write(options.all ? 'No jobs.\n' : explainNone(jobs));
}

export interface ReadJobs {
  /** In list order, with titles. */
  jobs: JobSummary[];
  /** Warning lines if records or titles are missing; otherwise empty. */
  note: string;
}

export async function readJobs(context: CliContext, paths: RunnerPaths, all: boolean): Promise<ReadJobs> {
  const store = JobStore.at(paths.stateDir, paths.logDir);
  const runtimeOf = createRuntimeOf(context, paths, store);
  const jobs = await readStateFolder(paths, () => listJobs({ store, all, runtimeOf }));
  const note = await fillMissingTitles(context, paths, jobs);
  return { jobs: inListOrder(jobs), note: unreadableNote(jobs) + note };
}

/** Names a job and the reason, because the details of such jobs are missing in the list. */
function unreadableNote(jobs: readonly JobSummary[]): string {
  const unreadable = jobs.filter(({ problem }) => problem !== undefined);
  const [first, ...others] = unreadable;
  if (first === undefined) return '';
  const more = others.length === 0 ? '' : ` (and of ${others.length} more)`;
  const line = `WARNING: cannot read the record of ${first.jobId}${more}: ${first.problem}.`;
  return `${printableLine(line)}\n`;
}

function explainNone(jobs: readonly JobSummary[]): string {
  const waiting = jobs.filter((job) => job.state === 'waiting').length;
  const others = waiting === 0 ? '' : waiting === 1 ? ', 1 is waiting' : `, ${waiting} are waiting`;
  return `No job is running${others}. "plan42 runner job list -a" lists all jobs.\n`;
}
