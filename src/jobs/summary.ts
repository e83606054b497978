/** What there is to see of the jobs on this machine, with or without a runner that looks after them. */
import { access } from 'node:fs/promises';
import { errorCode } from '../lib/errors.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { isShim, readState } from '../shim/shim.ts';
import { parseJobId } from './job-id.ts';
import type { JobRecord } from './record.ts';
import type { JobStore } from './store.ts';

/**
 * waiting: for a slot, its image or a runner. ended: the server is still to be told. finished: nothing is left to do.
 */
export const jobStates = ['waiting', 'running', 'ended', 'finished'] as const;
export type JobState = (typeof jobStates)[number];

export interface JobSummary {
  jobId: string;
  taskId: string;
  turnIndex: number;
  /** Empty when it isn't known. */
  title: string;
  state: JobState;
  /** Undefined when it can't be read; the job is there all the same. */
  record: JobRecord | undefined;
}

export interface ListOptions {
  store: JobStore;
  /** With those that are finished. */
  all: boolean;
  /** Asked about jobs that have lost the process that tells of their end. */
  runtimeOf: (record: JobRecord) => Promise<Pick<Runtime, 'listRunning'>>;
}

/** In no order: see {@link inListOrder}. */
export async function listJobs({ store, all, runtimeOf }: ListOptions): Promise<JobSummary[]> {
  const active = await store.listActive();
  // Second, since jobs go from there to here.
  const finished = all ? await store.listFinished() : [];
  const overviews = await Promise.all([
    ...active.map((jobId) => describeActive(jobId, { store, runtimeOf })),
    ...finished.map((jobId) => describeFinished(jobId, store)),
  ]);
  // A job that was finished meanwhile is there twice; the later word counts.
  const byId = new Map(overviews.filter((overview) => overview !== undefined).map((job) => [job.jobId, job]));
  return [...byId.values()];
}

/** Newest first, then by title, then by ID. */
export function inListOrder(jobs: readonly JobSummary[]): JobSummary[] {
  return jobs.toSorted(
    (a, b) =>
      compareText(b.record?.acceptedAt ?? '', a.record?.acceptedAt ?? '') ||
      compareText(a.title, b.title) ||
      compareText(a.jobId, b.jobId),
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

async function describeFinished(jobId: string, store: JobStore): Promise<JobSummary> {
  return { ...overviewOf(jobId, await store.readFinished(jobId).catch(() => undefined)), state: 'finished' };
}

export interface EndOptions extends Pick<ListOptions, 'store' | 'runtimeOf'> {
  /** Whether a runner is there, which writes the end down when the log is complete. */
  isManaged: () => Promise<boolean>;
}

/**
 * Whether the log has its last word. Of an engine's job it is not the client's end that counts, as the container can outlive it.
 * @throws what the runtime does when it can't be asked
 */
export async function hasEnded(jobId: string, { store, runtimeOf, isManaged }: EndOptions): Promise<boolean> {
  const { folder } = store.place(jobId);
  const record = await store.readActive(jobId).catch(() => undefined);
  if (record?.phase === 'ended' || !(await exists(folder))) return true;
  const state = await supervisedState(folder);
  if (state === 'waiting' || state === 'running') return false;
  if (state === 'ended' && (record === undefined || record.runtime === 'host')) return true;
  if (record !== undefined && (await isRunning(record, runtimeOf))) return false;
  return !(await isManaged());
}

function overviewOf(jobId: string, record: JobRecord | undefined): Omit<JobSummary, 'state'> {
  return { jobId, ...parseJobId(jobId), title: record?.title ?? '', record };
}

/** Undefined when the job is not active any more. */
export async function describeActive(
  jobId: string,
  { store, runtimeOf }: Omit<ListOptions, 'all'>,
): Promise<JobSummary | undefined> {
  const record = await store.readActive(jobId).catch(() => undefined);
  const { folder } = store.place(jobId);
  if (record === undefined && !(await exists(folder))) return undefined;
  const job = overviewOf(jobId, record);
  const supervised = await supervisedState(folder);
  // Of an engine's job it was the client that ended, which the container can outlive.
  const mayGoOn = supervised === 'ended' && record?.phase === 'started' && record.runtime !== 'host';
  const state = mayGoOn ? 'lost' : supervised;
  if (state !== 'lost') return { ...job, state: record?.phase === 'ended' ? 'ended' : state };
  if (record?.phase === 'ended') return { ...job, state: 'ended' };
  // Where the runtime can't be asked, nobody has seen it end.
  return { ...job, state: record && (await isRunning(record, runtimeOf).catch(() => true)) ? 'running' : 'ended' };
}

/** Without asking an engine, which takes its time: whoever records the end of a job lives as long as the job does. */
async function supervisedState(folder: string): Promise<JobState | 'lost'> {
  const state = await readState(folder);
  if (state.phase === 'none' || state.phase === 'new') return 'waiting';
  if (state.phase === 'exited') return 'ended';
  if (await isShim(state.pid, folder)) return 'running';
  // It may have ended between the two looks.
  return (await readState(folder)).phase === 'exited' ? 'ended' : 'lost';
}

/** @throws what the runtime does when it can't be asked */
async function isRunning(record: JobRecord, runtimeOf: ListOptions['runtimeOf']): Promise<boolean> {
  try {
    return (await (await runtimeOf(record)).listRunning()).includes(record.jobId);
  } catch (error) {
    // It was taken off the machine, and runs nothing.
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
