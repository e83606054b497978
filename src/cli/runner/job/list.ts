import { JobStore } from '../../../jobs/store.ts';
import { inListOrder, type JobSummary, listJobs } from '../../../jobs/summary.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { withProgress } from '../../progress.ts';
import { findPlaces, lookInto, type PlaceOptions, type Places } from '../places.ts';
import { createRuntimeOf } from '../runtime-of.ts';
import { jobsAsJson, renderJobs } from './table.ts';
import { fillMissingTitles } from './titles.ts';

export interface ListJobsOptions extends PlaceOptions {
  all?: boolean;
  json?: boolean;
  verbose?: boolean;
}

export async function listJobsCommand(context: CliContext, options: ListJobsOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const places = await findPlaces(context, options);
  const store = JobStore.at(places.stateDir, places.logDir);
  const look = () => readJobs(context, places, options.all ?? false);
  const { jobs, note } = await withProgress(context, 'Looking for jobs', look);
  stderr.write(note);
  const shown = options.all ? jobs : jobs.filter((job) => job.state === 'running');
  if (options.json) return print(stdout, renderJson(jobsAsJson(shown, store)), signal);
  if (shown.length > 0) return print(stdout, renderJobs(context, shown, options.verbose ?? false), signal);
  stderr.write(options.all ? 'There are no jobs.\n' : explainNone(jobs));
}

export interface ReadJobs {
  /** In the order of the list, with their titles. */
  jobs: JobSummary[];
  /** A line for people about what is missing; empty when nothing is. */
  note: string;
}

export async function readJobs(context: CliContext, places: Places, all: boolean): Promise<ReadJobs> {
  const store = JobStore.at(places.stateDir, places.logDir);
  const runtimeOf = createRuntimeOf(context, places, store);
  const jobs = await lookInto(places, () => listJobs({ store, all, runtimeOf }));
  const note = await fillMissingTitles(context, places, jobs);
  return { jobs: inListOrder(jobs), note };
}

function explainNone(jobs: readonly JobSummary[]): string {
  const waiting = jobs.filter((job) => job.state === 'waiting').length;
  const others = waiting === 0 ? '' : waiting === 1 ? ', 1 is waiting' : `, ${waiting} are waiting`;
  return `No job is running${others}. "plan42 runner job list -a" lists all jobs.\n`;
}
