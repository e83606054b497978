/**
 * Jobs on disk: `active/<job ID>/` until a job is finished, then `finished/<job ID>.json`, so that a start of the runner reads
 * active jobs only.
 */

import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { chmod, mkdir, readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { gatewayFolder, keptReportFile, reportFile } from '../gateway/policy.ts';
import { type Report, readReport, writeReport } from '../gateway/report.ts';
import { systemClock } from '../lib/clock.ts';
import { errorCode } from '../lib/errors.ts';
import { exists, makeFolder, move, syncFolder, writeDurably } from '../lib/files.ts';
import { openPrivateFolder } from '../lib/private-folder.ts';
import { readText, readTextIfExists } from '../lib/read-file.ts';
import { variablesFile } from '../runtimes/runtime.ts';
import type { JobPaths } from '../shim/shim.ts';
import { ImageUsage } from './images/image-usage.ts';
import { isJobId } from './job-id.ts';
import { JobRecord } from './record.ts';

/** There is an active job with this ID. */
export class JobExistsError extends Error {
  override readonly name = 'JobExistsError';
}

// Never the end of a job ID, so that leftovers of a crash are not read as jobs.
export const draftSuffix = '.draft';
const recordFile = 'job.json';
const requestFile = 'request.json';
const inputFile = 'input.json';
const tokenFile = 'agent-token';
const killedFile = 'killed';
/** Marks a job that has no record in the place that replicas share. */
const unclaimedFile = 'unclaimed';
// The shim's and the runtimes' files have other names.
const secretInputs = [requestFile, inputFile, variablesFile];
const recordSuffix = '.json';
/** In the folder of finished jobs, with an extension that no record has. */
export const egressSuffix = '.egress';
const damagedSuffix = '.damaged';

/** The files from which a job is recovered. */
export const jobFiles = { record: recordFile, request: requestFile, token: tokenFile } as const;
export type JobFile = (typeof jobFiles)[keyof typeof jobFiles];

/** The secrets of a job: files of mode 0600, removed as soon as the job does not need them any more. */
export interface JobSecrets {
  /** The request as received, JSON. */
  request: string;
  agentToken: string;
}

export class JobStore {
  readonly #stateDir: string;
  readonly #active: string;
  readonly #finished: string;
  readonly #damaged: string;
  readonly #logDir: string;
  readonly #mirrors: string;
  /** Which images were pulled for jobs, and when they were used. */
  readonly images: ImageUsage;

  private constructor(stateDir: string, logDir: string) {
    this.#stateDir = stateDir;
    this.#active = join(stateDir, 'jobs/active');
    this.#finished = join(stateDir, 'jobs/finished');
    this.#damaged = join(stateDir, 'jobs/damaged');
    this.#logDir = logDir;
    this.#mirrors = join(stateDir, 'git-mirrors');
    this.images = new ImageUsage(join(stateDir, 'images'));
  }

  /** Opens the jobs for reading beside a runner: creates and removes nothing. */
  static at(stateDir: string, logDir: string): JobStore {
    return new JobStore(stateDir, logDir);
  }

  /** Opens the jobs for the runner, which owns the state folder: creates missing folders and removes leftovers of a crash. */
  static async open(stateDir: string, logDir: string): Promise<JobStore> {
    const store = new JobStore(stateDir, logDir);
    for (const folder of [store.#active, store.#finished, store.#damaged, logDir]) await openPrivateFolder(folder);
    // Leftovers of a crash can contain secrets.
    for (const name of await readdir(store.#active)) {
      if (name.endsWith(draftSuffix)) await rm(join(store.#active, name), { recursive: true, force: true });
    }
    return store;
  }

  /** The state folder, the folders that contain jobs, and those that they use. */
  get folders(): Record<'state' | 'active' | 'finished' | 'damaged' | 'logs' | 'mirrors', string> {
    return {
      state: this.#stateDir,
      active: this.#active,
      finished: this.#finished,
      damaged: this.#damaged,
      logs: this.#logDir,
      mirrors: this.#mirrors,
    };
  }

  paths(jobId: string): JobPaths {
    return { jobId, folder: join(this.#active, jobId), logFile: join(this.#logDir, `${jobId}.log`) };
  }

  /**
   * Writes the job to disk, atomically and durably.
   * @throws JobExistsError
   */
  async create(record: JobRecord, secrets: JobSecrets): Promise<void> {
    const { folder } = this.paths(record.jobId);
    // A unique name, because two requests can have the same job.
    const draft = `${folder}.${randomUUID()}${draftSuffix}`;
    await mkdir(draft, { mode: 0o700 });
    try {
      await writeDurably(join(draft, requestFile), secrets.request);
      await writeDurably(join(draft, tokenFile), secrets.agentToken);
      await writeDurably(join(draft, recordFile), serialise(record));
      // Fails if the folder exists, because it is not empty.
      await move(draft, folder);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      if (errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST') throw new JobExistsError(record.jobId);
      throw error;
    }
    await syncFolder(this.#active);
  }

  async update(record: JobRecord): Promise<void> {
    await writeDurably(join(this.paths(record.jobId).folder, recordFile), serialise(record));
  }

  /** Undefined once the agent has its input. */
  readRequest(jobId: string): Promise<string | undefined> {
    return readTextIfExists(join(this.paths(jobId).folder, requestFile));
  }

  readAgentToken(jobId: string): Promise<string> {
    return readText(join(this.paths(jobId).folder, tokenFile));
  }

  /** The file for the agent's standard input. */
  inputFile(jobId: string): string {
    return join(this.paths(jobId).folder, inputFile);
  }

  /** Returns the path of the file. */
  async writeInput(jobId: string, input: string): Promise<string> {
    const path = this.inputFile(jobId);
    await writeDurably(path, input);
    return path;
  }

  /** Removes the request and the input, once the agent has its input open. */
  async removeInput(jobId: string): Promise<void> {
    const { folder } = this.paths(jobId);
    // A crash during a write leaves a part of the file under a longer name.
    const names = (await entriesIn(folder)).map(({ name }) => name);
    const inputs = names.filter((name) => secretInputs.some((secret) => name.startsWith(secret)));
    await Promise.all(inputs.map((name) => rm(join(folder, name), { recursive: true, force: true })));
  }

  /** Saves a kill request, so that it survives this process. */
  async markKilled(jobId: string): Promise<void> {
    await writeDurably(join(this.paths(jobId).folder, killedFile), '');
  }

  async isKilled(jobId: string): Promise<boolean> {
    return exists(join(this.paths(jobId).folder, killedFile));
  }

  /** Saves that the job has no record for other replicas yet. */
  async noteUnclaimed(jobId: string): Promise<void> {
    await writeDurably(join(this.paths(jobId).folder, unclaimedFile), '');
  }

  async noteClaimed(jobId: string): Promise<void> {
    await rm(join(this.paths(jobId).folder, unclaimedFile), { force: true });
  }

  async isUnclaimed(jobId: string): Promise<boolean> {
    return exists(join(this.paths(jobId).folder, unclaimedFile));
  }

  /** Whether the job is not finished. */
  async isActive(jobId: string): Promise<boolean> {
    return exists(this.paths(jobId).folder);
  }

  /** Reads the report on the connections of the job; undefined if it had no wall. */
  async readEgress(jobId: string): Promise<Report | undefined> {
    return (await this.#readActiveEgress(jobId)) ?? (await readReport(this.#egressFile(jobId)));
  }

  /** Keeps the report until the record is removed. */
  async keepEgress(jobId: string): Promise<void> {
    const report = await this.#readActiveEgress(jobId);
    if (report !== undefined) await writeReport(this.#egressFile(jobId), report);
  }

  async #readActiveEgress(jobId: string): Promise<Report | undefined> {
    const { folder } = this.paths(jobId);
    return (
      (await readReport(join(folder, gatewayFolder, reportFile))) ?? (await readReport(join(folder, keptReportFile)))
    );
  }

  #egressFile(jobId: string): string {
    return join(this.#finished, `${jobId}${egressSuffix}`);
  }

  /** Keeps the record and the log of a job, and removes everything else. */
  async finish(record: JobRecord): Promise<void> {
    await writeDurably(join(this.#finished, `${record.jobId}${recordSuffix}`), serialise(record));
    const { folder } = this.paths(record.jobId);
    const remains = `${folder}.${randomUUID()}${draftSuffix}`;
    // A user may have removed it.
    if (!(await exists(folder))) return;
    // Atomically, because half a folder would be an unreadable job.
    await move(folder, remains);
    const isEvidence = (await readdir(remains)).some((name) => name.endsWith(damagedSuffix));
    if (!isEvidence) return rm(remains, { recursive: true, force: true });
    // Secrets are never kept, damaged or not.
    for (const name of await readdir(remains)) {
      if ([...secretInputs, tokenFile].some((secret) => name.startsWith(secret)))
        await rm(join(remains, name), { recursive: true, force: true });
    }
    await this.#keepDamaged(remains, record.jobId);
  }

  /** Removes a job that is none of this runner's any more, without a trace. */
  async drop(jobId: string): Promise<void> {
    const { folder } = this.paths(jobId);
    if (!(await exists(folder))) return;
    const remains = `${folder}.${randomUUID()}${draftSuffix}`;
    await move(folder, remains);
    await rm(remains, { recursive: true, force: true });
  }

  /** Restores the mode of the job's folder. */
  async claim(jobId: string): Promise<void> {
    await chmod(this.paths(jobId).folder, 0o700).catch(() => {});
  }

  /** Renames an unreadable file, which also marks the folder as one to keep when the job finishes. */
  async putAside(jobId: string, file: JobFile): Promise<void> {
    const path = join(this.paths(jobId).folder, file);
    const aside = `${path}${damagedSuffix}`;
    await rm(aside, { recursive: true, force: true });
    // For a missing file, an empty one marks the folder.
    if (await exists(path)) await move(path, aside);
    else await writeDurably(aside, '');
  }

  /** Moves anything that has the name of a job but is not a folder to `damaged`. Returns the new paths. */
  async clearStrays(): Promise<{ name: string; path: string }[]> {
    const strays = (await entriesIn(this.#active)).filter((entry) => isJobId(entry.name) && !entry.isDirectory());
    return Promise.all(
      strays.map(async ({ name }) => ({ name, path: await this.#keepDamaged(join(this.#active, name), name) })),
    );
  }

  async #keepDamaged(path: string, jobId: string): Promise<string> {
    const kept = join(this.#damaged, `${jobId}.${randomUUID()}`);
    await makeFolder(this.#damaged);
    await move(path, kept);
    // Its age counts from now.
    await utimes(kept, systemClock.date(), systemClock.date()).catch(() => {});
    return kept;
  }

  /** The IDs of the jobs that are not finished. */
  async listActive(): Promise<string[]> {
    return (await entriesIn(this.#active))
      .filter((entry) => entry.isDirectory() && isJobId(entry.name))
      .map(({ name }) => name);
  }

  async readActive(jobId: string): Promise<JobRecord> {
    return readRecord(join(this.paths(jobId).folder, recordFile));
  }

  /** The IDs of the finished jobs. */
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
  return v.parse(JobRecord, JSON.parse(await readText(path)));
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
