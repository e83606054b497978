/** Summaries of the jobs on this machine, with or without a running runner. */
import { access } from 'node:fs/promises';
import { readJobUsage } from '../gateway/models/ledger.ts';
import { sumUsage, type UsageTotals } from '../gateway/models/usage.ts';
import { errorCode, formatError } from '../lib/errors.ts';
import { type LimitState, readLimitStates, toLimitStates } from '../limits/uses.ts';
import type { Runtime, StateInRuntime } from '../runtimes/runtime.ts';
import { isShim, readState } from '../shim/shim.ts';
import { parseJobId } from './job-id.ts';
import type { JobRecord } from './record.ts';
import type { JobStore } from './store.ts';

/**
 * waiting: for a slot, its image or a runner. ended: the final status is not reported yet. finished: nothing is left to do.
 */
export const jobStates = ['waiting', 'running', 'ended', 'finished'] as const;
export type JobState = (typeof jobStates)[number];

export interface JobSummary {
  jobId: string;
  taskId: string;
  turnIndex: number;
  /** Empty if unknown. */
  title: string;
  state: JobState;
  /** Why a cluster has not started it yet, and the remedy, in sentences; undefined if nothing is known to be wrong. */
  waitReason?: string | undefined;
  /** Empty if it has none. */
  limits: LimitState[];
  /** The tokens of its models. Undefined if nothing was counted. */
  usage?: UsageTotals | undefined;
  /** Undefined if it can't be read. The job exists all the same. */
  record: JobRecord | undefined;
  /** Why the record can't be read. */
  problem?: string;
}

export interface JobListOptions {
  store: JobStore;
  /** Include finished jobs. */
  all: boolean;
  /** The runtime to ask about jobs whose shim is gone, or that have none. */
  runtimeOf: (record: JobRecord) => Promise<Pick<Runtime, 'listRunning' | 'listStates'>>;
}

/** Unordered: see {@link inListOrder}. */
export async function listJobs({ store, all, ...options }: JobListOptions): Promise<JobSummary[]> {
  const runtimeOf = askingOnce(options.runtimeOf);
  const active = await store.listActive();
  // Listed second, because jobs move from active to finished.
  const finished = all ? await store.listFinished() : [];
  const summaries = await Promise.all([
    ...active.map((jobId) => summarizeActive(jobId, { store, runtimeOf })),
    ...finished.map((jobId) => summarizeFinished(jobId, store)),
  ]);
  // A job that finished between the two lists is in both; the later entry counts.
  const byId = new Map(summaries.filter((job) => job !== undefined).map((job) => [job.jobId, job]));
  return [...byId.values()];
}

/** Lists the states of each runner instance's jobs once for all jobs. */
function askingOnce(runtimeOf: JobListOptions['runtimeOf']): JobListOptions['runtimeOf'] {
  const runtimes = new Map<string, ReturnType<typeof runtimeOf>>();
  const find = async (record: JobRecord) => {
    const runtime = await runtimeOf(record);
    const states = runtime.listStates?.();
    // Awaited by each job.
    states?.catch(() => {});
    return { ...runtime, listStates: async () => (await states) ?? new Map() };
  };
  return (record) => {
    if (hasShim(record)) return runtimeOf(record);
    const key = record.instanceId;
    const runtime = runtimes.get(key) ?? find(record);
    runtimes.set(key, runtime);
    return runtime;
  };
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

/** Undefined if the job was removed since it was listed. */
async function summarizeFinished(jobId: string, store: JobStore): Promise<JobSummary | undefined> {
  const job = await summaryOf(jobId, () => store.readFinished(jobId));
  return job.problem === missing ? undefined : { ...job, state: 'finished' };
}

export interface EndOptions extends Pick<JobListOptions, 'store' | 'runtimeOf'> {
  /** Whether a runner is running, which records the exit when the log is complete. */
  isManaged: () => Promise<boolean>;
}

/**
 * Whether the log is complete. The exit of an engine's client does not count, because the container can outlive it.
 * @throws the runtime's error if it can't list its jobs
 */
export async function hasEnded(jobId: string, { store, runtimeOf, isManaged }: EndOptions): Promise<boolean> {
  const { folder } = store.paths(jobId);
  const record = await store.readActive(jobId).catch(() => undefined);
  if (record?.phase === 'ended' || !(await exists(folder))) return true;
  if (record !== undefined && !hasShim(record)) {
    return (await stateWithoutShim(record, runtimeOf)).state === 'ended' && !(await isManaged());
  }
  const state = await shimState(folder);
  if (state === 'waiting' || state === 'running') return false;
  if (state === 'ended' && (record === undefined || record.runtime === 'host')) return true;
  if (record !== undefined && (await isRunning(record, runtimeOf))) return false;
  return !(await isManaged());
}

async function summaryOf(
  jobId: string,
  read: () => Promise<JobRecord | undefined>,
): Promise<Omit<JobSummary, 'state'>> {
  const job = { jobId, ...parseJobId(jobId), title: '', record: undefined, limits: [] };
  try {
    const record = await read();
    const limits = toLimitStates(record?.limits);
    return { ...job, title: record?.title ?? '', record, limits, usage: record?.usage };
  } catch (error) {
    return { ...job, problem: problemOf(error) };
  }
}

const missing = 'it is missing';

function problemOf(error: unknown): string {
  const code = errorCode(error);
  if (code === 'ENOENT') return missing;
  // The texts of parsers are not for people.
  return code === undefined ? 'it is damaged' : formatError(error);
}

/** Undefined if the job is no longer active. */
export async function summarizeActive(
  jobId: string,
  options: Omit<JobListOptions, 'all'>,
): Promise<JobSummary | undefined> {
  const job = await summarizeState(jobId, options);
  if (job?.record === undefined) return job;
  const paths = options.store.paths(jobId);
  const [limits, entries] = await Promise.all([
    readLimitStates(paths, job.record.limits, job.state === 'running'),
    readJobUsage(paths.folder).catch(() => []),
  ]);
  return { ...job, limits, usage: entries.length > 0 ? sumUsage(entries) : undefined };
}

async function summarizeState(
  jobId: string,
  { store, runtimeOf }: Omit<JobListOptions, 'all'>,
): Promise<JobSummary | undefined> {
  const job = await summaryOf(jobId, () => store.readActive(jobId));
  const { record } = job;
  const { folder } = store.paths(jobId);
  if (record === undefined && !(await exists(folder))) return undefined;
  if (record !== undefined && record.phase !== 'ended' && !hasShim(record)) {
    // If the runtime can't list its jobs, a job that was started counts as running.
    const unknown = () => ({ state: record.phase === 'started' ? ('running' as const) : ('waiting' as const) });
    return { ...job, ...(await stateWithoutShim(record, runtimeOf).catch(unknown)) };
  }
  const ended = async (): Promise<JobSummary> => ({ ...job, record: await withExit(record, folder), state: 'ended' });
  const shim = await shimState(folder);
  // For an engine's job this is the exit of the client, which the container can outlive.
  const mayBeRunning = shim === 'ended' && record?.phase === 'started' && record.runtime !== 'host';
  const state = mayBeRunning ? 'lost' : shim;
  if (record?.phase === 'ended' || state === 'ended') return await ended();
  if (state !== 'lost') return { ...job, state };
  // If the runtime can't list its jobs, the job counts as running.
  const isStillRunning = record !== undefined && (await isRunning(record, runtimeOf).catch(() => true));
  return isStillRunning ? { ...job, state: 'running' } : await ended();
}

/** Until a runner has recorded the exit, the shim knows it. The client of an engine may have another exit code. */
async function withExit(record: JobRecord | undefined, folder: string): Promise<JobRecord | undefined> {
  if (record === undefined || record.endedAt !== undefined) return record;
  const shim = await readState(folder);
  if (shim.phase !== 'exited') return record;
  const { exitCode } = shim;
  return { ...record, endedAt: shim.endedAt.toISOString(), ...(record.runtime === 'host' && { exitCode }) };
}

const hasShim = ({ runtime }: JobRecord) => runtime !== 'kubernetes';

/** @throws the runtime's error if it can't list its jobs */
async function stateWithoutShim(record: JobRecord, runtimeOf: JobListOptions['runtimeOf']): Promise<StateInRuntime> {
  const runtime = await runtimeOf(record);
  const found = (await runtime.listStates?.())?.get(record.jobId);
  return found ?? { state: record.phase === 'accepted' ? 'waiting' : 'ended' };
}

/** Reads the shim's state, because asking an engine is slow: a shim lives as long as its job. */
async function shimState(folder: string): Promise<JobState | 'lost'> {
  const state = await readState(folder);
  if (state.phase === 'none' || state.phase === 'new') return 'waiting';
  if (state.phase === 'exited') return 'ended';
  if (await isShim(state.pid, folder)) return 'running';
  // It may have exited between the two reads.
  return (await readState(folder)).phase === 'exited' ? 'ended' : 'lost';
}

/** @throws the runtime's error if it can't list its jobs */
async function isRunning(record: JobRecord, runtimeOf: JobListOptions['runtimeOf']): Promise<boolean> {
  try {
    return (await (await runtimeOf(record)).listRunning()).includes(record.jobId);
  } catch (error) {
    // It was uninstalled and runs nothing.
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
