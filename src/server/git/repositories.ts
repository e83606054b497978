import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../lib/errors.ts';
import { exists, listFolder, makeFolder, move, temporaryName } from '../../lib/files.ts';
import { Slots } from '../../lib/slots.ts';
import { hostedName, isBranchOfTask, isRepositoryName } from '../../plan42/hosted-repositories.ts';
import type { Task } from '../../plan42/objects.ts';
import { notFound, tooLarge } from '../core/errors.ts';
import { formatLimit, limits } from '../core/limits.ts';
import { initRepository } from './init-repository.ts';
import { runGit } from './run-git.ts';

/** The folder of the hosted repositories in the data folder. */
export const repositoriesName = 'repos';

const suffix = '.git';
// Each can use a processor and hundreds of megabytes.
const maxProcesses = 8;
/** A client creates a repository just before it pushes. */
const emptyForMs = 3_600_000;

/** @param name a valid one */
export function repositoryFolder(folder: string, name: string): string {
  return join(folder, name + suffix);
}

/** The bare repositories that the server keeps in its data folder. */
export class Repositories {
  readonly folder: string;
  /** For the processes of git. */
  readonly env: NodeJS.ProcessEnv;
  /** Limits the requests of git that run at once. */
  readonly slots = new Slots(maxProcesses);

  constructor(dataDir: string, env: NodeJS.ProcessEnv) {
    this.folder = join(dataDir, repositoriesName);
    this.env = env;
  }

  /** The folder of a repository. @throws DomainError `notFound` */
  async find(name: string): Promise<string> {
    const path = this.#pathOf(name);
    if (path === undefined || !(await exists(path))) throw notFound(`there is no hosted repository "${name}"`);
    return path;
  }

  async list(): Promise<string[]> {
    const names: string[] = [];
    for await (const entry of listFolder(this.folder)) {
      const name = entry.name.endsWith(suffix) ? entry.name.slice(0, -suffix.length) : '';
      if (entry.isDirectory() && isRepositoryName(name)) names.push(name);
    }
    return names.toSorted();
  }

  /**
   * Creates an empty repository. The name must be valid.
   * @returns whether it is new
   * @throws DomainError `tooLarge`; GitMissing
   */
  async create(name: string): Promise<boolean> {
    const path = this.#pathOf(name);
    if (path === undefined) throw new Error('the name was not checked');
    if (await exists(path)) return false;
    await makeFolder(this.folder);
    if ((await this.list()).length >= limits.repositories.max)
      throw tooLarge(
        `there are ${formatLimit(limits.repositories)} hosted repositories, which is the limit; delete some`,
      );
    const temporary = temporaryName(path);
    try {
      await initRepository(temporary, this.env);
      await move(temporary, path);
      return true;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      // Another request was faster.
      if (['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) return false;
      throw error;
    }
  }

  /** Deletes a repository with all that is in it. @throws DomainError `notFound` */
  async remove(name: string): Promise<void> {
    const path = await this.find(name);
    // The rest of an interrupted removal has no valid name.
    const removed = temporaryName(path);
    await move(path, removed);
    await rm(removed, { recursive: true, force: true });
  }

  /** The size of the objects of a repository in bytes. */
  async sizeOf(path: string): Promise<number> {
    const printed = await runGit(['-C', path, 'count-objects', '-v'], this.env);
    const kib = [...printed.matchAll(/^size(?:-pack|-garbage)?: (\d+)$/gm)].map(([, size]) => Number(size));
    return kib.reduce((sum, size) => sum + size, 0) * 1024;
  }

  /** Deletes the branches of a removed task in all hosted repositories that it used. Their objects go later. */
  async removeBranches({ TaskId, RepoInfo }: Pick<Task, 'TaskId' | 'RepoInfo'>): Promise<void> {
    for (const [repo, { FeatureBranch, TargetBranch }] of Object.entries(RepoInfo)) {
      const name = hostedName(repo);
      const path = name === undefined ? undefined : this.#pathOf(name);
      if (path === undefined || !(await exists(path))) continue;
      for (const branch of [FeatureBranch, TargetBranch].filter((name) => isBranchOfTask(name, TaskId))) {
        for (const ref of [`refs/heads/${branch}`, ...(await this.#conflictBranches(path, branch))]) {
          await runGit(['-C', path, 'update-ref', '-d', ref], this.env);
        }
      }
    }
  }

  /** Returns the refs of branches with the work of turns that conflicted. */
  async #conflictBranches(path: string, featureBranch: string): Promise<string[]> {
    const pattern = `refs/heads/${featureBranch}-turn-*`;
    const printed = await runGit(['-C', path, 'for-each-ref', '--format=%(refname)', pattern], this.env);
    return printed.split('\n').filter((ref) => /-turn-\d+$/.test(ref));
  }

  /** Deletes repositories that have been without branches for an hour, and packs the others. */
  async tidy(now: Date, signal: AbortSignal): Promise<void> {
    await this.#removeLeftovers(now);
    for (const name of await this.list()) {
      const path = await this.find(name);
      const refs = await runGit(['-C', path, 'for-each-ref', '--count=1'], this.env, { signal });
      // Every push of a branch changes the folder.
      const { mtimeMs } = await stat(join(path, 'refs', 'heads')).catch(() => stat(path));
      if (refs === '' && now.getTime() - mtimeMs > emptyForMs) await this.remove(name);
      else
        await runGit(
          ['-C', path, '-c', 'gc.auto=6700', '-c', 'gc.autoDetach=false', 'gc', '--auto', '--quiet'],
          this.env,
          { signal },
        );
    }
  }

  async #removeLeftovers(now: Date): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    for (const name of names.filter((name) => name.endsWith('.tmp'))) {
      const path = join(this.folder, name);
      const { mtimeMs } = await stat(path);
      if (now.getTime() - mtimeMs > emptyForMs) await rm(path, { recursive: true, force: true });
    }
  }

  #pathOf(name: string): string | undefined {
    return isRepositoryName(name) ? repositoryFolder(this.folder, name) : undefined;
  }
}
