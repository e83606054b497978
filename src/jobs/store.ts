/**
 * Jobs on disk: `active/<job ID>/` while there is something left to do, `finished/<job ID>.json` afterwards, so that
 * starting up reads only what matters.
 */
import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { errorCode } from '../lib/errors.ts';
import { exists, makeFolder, syncFolder, writeDurably } from '../lib/files.ts';
import type { JobPaths } from '../shim/shim.ts';
import { ImageUsage } from './images/image-usage.ts';
import { isJobId } from './job-id.ts';
import { JobRecord } from './record.ts';

/** There is an active job with this ID. */
export class JobExistsError extends Error {
  override readonly name = 'JobExistsError';
}

// Not the end of a job ID, so that what a crash leaves behind is no job.
export const draftSuffix = '.draft';
const recordFile = 'job.json';
const requestFile = 'request.json';
const inputFile = 'input.json';
const tokenFile = 'agent-token';
const killedFile = 'killed';
const recordSuffix = '.json';
const damagedSuffix = '.damaged';

/** What a job that is taken up is read from. */
export const jobFiles = { record: recordFile, request: requestFile, token: tokenFile } as const;
export type JobFile = (typeof jobFiles)[keyof typeof jobFiles];

/** What a job needs besides its record. Secret: 0600, and gone as soon as it is not needed any more. */
export interface JobSecrets {
  /** The request as received, JSON. */
  request: string;
  agentToken: string;
}

export class JobStore {
  readonly #active: string;
  readonly #finished: string;
  readonly #damaged: string;
  readonly #logDir: string;
  /** Which images were pulled for jobs, and which were used. */
  readonly images: ImageUsage;

  private constructor(stateDir: string, logDir: string) {
    this.#active = join(stateDir, 'jobs/active');
    this.#finished = join(stateDir, 'jobs/finished');
    this.#damaged = join(stateDir, 'jobs/damaged');
    this.#logDir = logDir;
    this.images = new ImageUsage(join(stateDir, 'images'));
  }

  /** The jobs as they are there, for looking at them beside the runner: makes and cleans nothing. */
  static at(stateDir: string, logDir: string): JobStore {
    return new JobStore(stateDir, logDir);
  }

  /** For the runner itself, which holds the state folder: makes what is missing and removes what a crash has left. */
  static async open(stateDir: string, logDir: string): Promise<JobStore> {
    const store = new JobStore(stateDir, logDir);
    for (const folder of [store.#active, store.#finished, store.#damaged, logDir]) await makeFolder(folder);
    // What a crash has left behind can hold secrets.
    for (const name of await readdir(store.#active)) {
      if (name.endsWith(draftSuffix)) await rm(join(store.#active, name), { recursive: true, force: true });
    }
    return store;
  }

  /** Where jobs are kept, for what goes through all of them. */
  get folders(): { active: string; finished: string; damaged: string; logs: string } {
    return { active: this.#active, finished: this.#finished, damaged: this.#damaged, logs: this.#logDir };
  }

  place(jobId: string): JobPaths {
    return { jobId, folder: join(this.#active, jobId), logFile: join(this.#logDir, `${jobId}.log`) };
  }

  /**
   * Makes the job durable, all of it or nothing.
   * @throws JobExistsError
   */
  async create(record: JobRecord, secrets: JobSecrets): Promise<void> {
    const { folder } = this.place(record.jobId);
    // A name of its own, since the same job can be asked for twice at a time.
    const draft = `${folder}.${randomUUID()}${draftSuffix}`;
    await mkdir(draft, { mode: 0o700 });
    try {
      await writeDurably(join(draft, requestFile), secrets.request);
      await writeDurably(join(draft, tokenFile), secrets.agentToken);
      await writeDurably(join(draft, recordFile), serialise(record));
      // Fails if the folder is there, as it is not empty.
      await rename(draft, folder);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      if (errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST') throw new JobExistsError(record.jobId);
      throw error;
    }
    await syncFolder(this.#active);
  }

  async update(record: JobRecord): Promise<void> {
    await writeDurably(join(this.place(record.jobId).folder, recordFile), serialise(record));
  }

  /** Undefined once the agent has been given its input. */
  async readRequest(jobId: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.place(jobId).folder, requestFile), 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  readAgentToken(jobId: string): Promise<string> {
    return readFile(join(this.place(jobId).folder, tokenFile), 'utf8');
  }

  /** Writes what the agent gets on standard input; returns the file's path. */
  async writeInput(jobId: string, input: string): Promise<string> {
    const path = join(this.place(jobId).folder, inputFile);
    await writeDurably(path, input);
    return path;
  }

  /** The agent has its input open: its copies on disk have done their work. */
  async removeInput(jobId: string): Promise<void> {
    const { folder } = this.place(jobId);
    // A crash in the middle of writing one leaves a part of it under a longer name.
    const names = (await entriesIn(folder)).map(({ name }) => name);
    const inputs = names.filter((name) => name.startsWith(requestFile) || name.startsWith(inputFile));
    await Promise.all(inputs.map((name) => rm(join(folder, name), { recursive: true, force: true })));
  }

  /** Remembers that a person asked for the job's end, whatever becomes of this process. */
  async markKilled(jobId: string): Promise<void> {
    await writeDurably(join(this.place(jobId).folder, killedFile), '');
  }

  async isKilled(jobId: string): Promise<boolean> {
    return exists(join(this.place(jobId).folder, killedFile));
  }

  /** Whether there is something left to do for it. */
  async isActive(jobId: string): Promise<boolean> {
    return exists(this.place(jobId).folder);
  }

  /** Nothing is left to do: keeps the record and forgets everything else. */
  async finish(record: JobRecord): Promise<void> {
    await writeDurably(join(this.#finished, `${record.jobId}${recordSuffix}`), serialise(record));
    const { folder } = this.place(record.jobId);
    const remains = `${folder}.${randomUUID()}${draftSuffix}`;
    // Somebody else can have removed it.
    if (!(await exists(folder))) return;
    // At once, since half a folder would be a job that can't be read.
    await rename(folder, remains);
    const isEvidence = (await readdir(remains)).some((name) => name.endsWith(damagedSuffix));
    if (!isEvidence) return rm(remains, { recursive: true, force: true });
    // Damaged or not, a secret is no evidence.
    for (const name of await readdir(remains)) {
      if ([requestFile, inputFile, tokenFile].some((secret) => name.startsWith(secret)))
        await rm(join(remains, name), { recursive: true, force: true });
    }
    await this.#keepDamaged(remains, record.jobId);
  }

  /** Makes the job's folder readable again, should somebody have changed that. */
  async claim(jobId: string): Promise<void> {
    await chmod(this.place(jobId).folder, 0o700).catch(() => {});
  }

  /** What can't be read makes way, and marks the folder as one to be kept when the job is over. */
  async putAside(jobId: string, file: JobFile): Promise<void> {
    const path = join(this.place(jobId).folder, file);
    const aside = `${path}${damagedSuffix}`;
    await rm(aside, { recursive: true, force: true });
    // Where there is no such file, the mark tells that one was missed.
    if (await exists(path)) await rename(path, aside);
    else await writeDurably(aside, '');
  }

  /** Puts aside what has the name of a job and is no folder. Returns where it is now. */
  async clearStrays(): Promise<{ name: string; path: string }[]> {
    const strays = (await entriesIn(this.#active)).filter((entry) => isJobId(entry.name) && !entry.isDirectory());
    return Promise.all(
      strays.map(async ({ name }) => ({ name, path: await this.#keepDamaged(join(this.#active, name), name) })),
    );
  }

  async #keepDamaged(path: string, jobId: string): Promise<string> {
    const kept = join(this.#damaged, `${jobId}.${randomUUID()}`);
    await makeFolder(this.#damaged);
    await rename(path, kept);
    // From now on it grows old.
    await utimes(kept, new Date(), new Date()).catch(() => {});
    return kept;
  }

  /** The IDs of the jobs that are not finished. */
  async listActive(): Promise<string[]> {
    return (await entriesIn(this.#active))
      .filter((entry) => entry.isDirectory() && isJobId(entry.name))
      .map(({ name }) => name);
  }

  async readActive(jobId: string): Promise<JobRecord> {
    return readRecord(join(this.place(jobId).folder, recordFile));
  }

  /** The IDs of the jobs with which nothing is left to do. */
  async listFinished(): Promise<string[]> {
    return (await entriesIn(this.#finished))
      .flatMap(({ name }) => (name.endsWith(recordSuffix) ? [name.slice(0, -recordSuffix.length)] : []))
      .filter(isJobId);
  }

  async readFinished(jobId: string): Promise<JobRecord> {
    return readRecord(join(this.#finished, `${jobId}${recordSuffix}`));
  }
}

async function readRecord(path: string): Promise<JobRecord> {
  return v.parse(JobRecord, JSON.parse(await readFile(path, 'utf8')));
}

async function entriesIn(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function serialise(record: JobRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}
