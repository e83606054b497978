import { join } from 'node:path';
import * as v from 'valibot';
import { writeDurably } from '../lib/files.ts';
import { readText } from '../lib/read-file.ts';
import { ApiError, ConnectionError } from '../plan42/errors.ts';
import type { JobRecord } from './record.ts';
import type { JobSummary } from './summary.ts';

export interface TitleOptions {
  stateDir: string;
  /** Fetches the title of a job's task from the server. Called only for tasks without a known title. */
  fetchTitle: (record: JobRecord, signal: AbortSignal) => Promise<string>;
  signal: AbortSignal;
}

const cacheFile = 'task-titles.json';
const Cache = v.record(v.string(), v.string());
const maxCached = 5000;
const concurrency = 8;

/**
 * Fills in the title of jobs whose requests had none. Each task's title is fetched once. Returns the error because of which
 * titles are still missing; a task that can't be fetched does not remove its job from the list.
 */
export async function fillTitles(jobs: readonly JobSummary[], options: TitleOptions): Promise<unknown> {
  const untitled = jobs.filter((job) => job.title === '' && job.record !== undefined);
  if (untitled.length === 0) return undefined;
  const path = join(options.stateDir, cacheFile);
  const titles = await readCache(path);
  const unknown = new Map(untitled.filter(({ taskId }) => !titles.has(taskId)).map((job) => [job.taskId, job.record]));
  const known = titles.size;
  const failure = await fetchAll(
    [...unknown.values()].filter((record) => record !== undefined),
    titles,
    options,
  );
  if (titles.size > known) await writeCache(path, titles).catch(() => {});
  for (const job of untitled) job.title = titles.get(job.taskId) ?? '';
  return failure;
}

async function fetchAll(
  records: readonly JobRecord[],
  titles: Map<string, string>,
  { fetchTitle, signal }: TitleOptions,
): Promise<unknown> {
  const left = [...records];
  let failure: unknown;
  const work = async () => {
    for (let record = left.shift(); record !== undefined; record = left.shift()) {
      try {
        titles.set(record.taskId.toLowerCase(), await fetchTitle(record, signal));
      } catch (error) {
        failure ??= error;
        if (signal.aborted || concernsAll(error)) left.length = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return failure;
}

/** Whether the next call would fail in the same way. */
function concernsAll(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof ApiError && error.status === 401);
}

async function readCache(path: string): Promise<Map<string, string>> {
  try {
    return new Map(Object.entries(v.parse(Cache, JSON.parse(await readText(path)))));
  } catch {
    // Missing or unreadable: it is created again.
    return new Map();
  }
}

async function writeCache(path: string, titles: Map<string, string>): Promise<void> {
  const newest = [...titles].slice(-maxCached);
  await writeDurably(path, `${JSON.stringify(Object.fromEntries(newest))}\n`);
}
