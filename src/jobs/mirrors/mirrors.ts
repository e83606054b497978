/**
 * Copies of repositories that the runner keeps for agents: a clone fetches only what its mirror lacks. A job never fails
 * because of a mirror, and hardly waits for one.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Connection } from '../../config/schema.ts';
import { trustedAuthorities } from '../../lib/authorities.ts';
import { readCaFile } from '../../lib/ca-file.ts';
import { systemClock } from '../../lib/clock.ts';
import { exists, freeSpace, move, writeDurably } from '../../lib/files.ts';
import type { Logger } from '../../lib/logger.ts';
import { openPrivateFolder } from '../../lib/private-folder.ts';
import { isCommandInstalled } from '../../lib/run-command.ts';
import { sleep } from '../../lib/sleep.ts';
import type { StartOptions } from '../../runtimes/runtime.ts';
import { folderSize } from './folder-size.ts';
import { type GitOptions, runGit } from './git.ts';
import { connectionFolder, mirrorPath, mirrorTarget, unfinished } from './mirror-path.ts';

export interface MirrorsOptions {
  /** In the state folder. */
  folder: string;
  maxBytes: number;
  minFreeBytes: number;
  env: NodeJS.ProcessEnv;
  /** Certificate authorities to trust in addition. */
  caFile: string | undefined;
  logger: Logger;
}

/** The mirrors of one job. */
export interface JobMirrors {
  /** The name of the connection's folder, which is not garbage while the job runs. */
  name: string;
  mount: NonNullable<StartOptions['mounts']>[number];
  /** Resolves when the mirrors are there, or after a short time. Rejects only with the signal's reason. */
  wait(signal: AbortSignal): Promise<void>;
}

const maxWaitMs = 3000;
const authorityVariables = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'];
const refspecs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];

export class Mirrors implements AsyncDisposable {
  readonly #options: MirrorsOptions;
  readonly #stop = new AbortController();
  /** By path: one update of a mirror at a time. */
  readonly #updates = new Map<string, Promise<void>>();
  readonly #isReady: Promise<boolean>;

  constructor(options: MirrorsOptions) {
    this.#options = options;
    this.#isReady = this.#prepare();
  }

  /** Begins to update the mirrors of a job. Undefined if there are none, because git is missing for example. */
  async begin(repos: readonly string[], connection: Connection): Promise<JobMirrors | undefined> {
    if (repos.length === 0 || !(await this.#isReady)) return undefined;
    const name = connectionFolder(connection);
    const folder = join(this.#options.folder, name);
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    const missing: Promise<void>[] = [];
    for (const repo of repos) {
      const isNew = !(await exists(join(folder, mirrorPath(connection.url, repo))));
      const update = this.#update(folder, repo, connection);
      if (isNew) missing.push(update);
    }
    return {
      name,
      mount: { source: folder, target: mirrorTarget, isReadOnly: true, relabel: true },
      wait: async (signal) => {
        using waiting = new DisposableStack();
        const done = new AbortController();
        waiting.defer(() => done.abort());
        const timeout = sleep(maxWaitMs, AbortSignal.any([signal, done.signal])).catch(() => {});
        await Promise.race([Promise.all(missing), timeout]);
        signal.throwIfAborted();
      },
    };
  }

  /** Stops updates, and waits until they have stopped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the runner is stopping'));
    await Promise.all(this.#updates.values());
  }

  async #prepare(): Promise<boolean> {
    const { folder, env, logger } = this.#options;
    if (!(await isCommandInstalled('git', env))) {
      logger.info('no git mirrors, git is not installed');
      return false;
    }
    // Engines separate the parts of a mount by these.
    if (/[,":\p{Cc}]/u.test(folder)) return false;
    try {
      await openPrivateFolder(folder);
      return true;
    } catch (error) {
      logger.warn('cannot use folder of git mirrors', { folder, error });
      return false;
    }
  }

  /** Resolves when the mirror is up to date or the update has failed. */
  #update(folder: string, repo: string, connection: Connection): Promise<void> {
    const path = join(folder, mirrorPath(connection.url, repo));
    const running = this.#updates.get(path);
    if (running !== undefined) return running;
    const update = this.#tryToUpdate(path, repo, connection).finally(() => this.#updates.delete(path));
    this.#updates.set(path, update);
    return update;
  }

  async #tryToUpdate(path: string, repo: string, connection: Connection): Promise<void> {
    const { logger, minFreeBytes, maxBytes, env } = this.#options;
    const begin = systemClock.now();
    try {
      const { signal } = this.#stop;
      const git = { env, token: connection.token || undefined, caFile: await this.#authorities(), signal };
      const url = `${connection.url.href.replace(/\/$/, '')}/${repo}.git`;
      if (await exists(path)) return await fetchInto(path, url, git);
      if (await exists(tooLarge(path))) return;
      // A mirror must not be the reason why a job is rejected.
      if ((await freeSpace(this.#options.folder)) < 2 * minFreeBytes) return;
      const bytes = await create(path, url, git, maxBytes);
      const fields = { repo, bytes, duration_ms: Math.round(systemClock.now() - begin) };
      if (bytes > maxBytes) logger.warn('git mirror not kept, it is larger than all may be', fields);
      else logger.info('git mirror created', fields);
    } catch (error) {
      if (!this.#stop.signal.aborted) logger.warn('cannot update git mirror', { repo, error });
    }
  }

  /** All authorities that the runner trusts, in a file for git. Undefined if they are those that git trusts anyway. */
  async #authorities(): Promise<string | undefined> {
    const { caFile, folder, env } = this.#options;
    // git reads none of the variables itself.
    if (caFile === undefined && !authorityVariables.some((name) => env[name])) return undefined;
    const path = join(folder, 'authorities.pem');
    await writeDurably(path, [...trustedAuthorities(), caFile === undefined ? '' : readCaFile(caFile)].join('\n'));
    return path;
  }
}

const tooLarge = (path: string) => `${path}.too-large`;

async function create(path: string, url: string, git: GitOptions, maxBytes: number): Promise<number> {
  const draft = `${path.replace(/\.git$/, '')}${unfinished}${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  await Promise.all([dirname(path), dirname(dirname(path))].map((folder) => chmod(folder, 0o755)));
  try {
    await expectSuccess(['init', '--quiet', '--bare', draft], git);
    await fetchInto(draft, url, git);
    const bytes = await folderSize(draft);
    if (bytes > maxBytes) await writeDurably(tooLarge(path), '');
    else await move(draft, path);
    return bytes;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function fetchInto(path: string, url: string, git: GitOptions): Promise<void> {
  const options = ['--quiet', '--prune', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
  await expectSuccess(['-C', path, 'fetch', ...options, '--', url, ...refspecs], git);
  // The time of its last use.
  await utimes(path, systemClock.date(), systemClock.date());
}

async function expectSuccess(args: readonly string[], git: GitOptions): Promise<void> {
  const { exitCode, stderr } = await runGit(args, git);
  if (exitCode === 0) return;
  git.signal.throwIfAborted();
  const lines = stderr.trim().split('\n');
  throw new Error(lines.findLast((line) => /^(fatal|error|remote)/.test(line)) ?? `git exited with ${exitCode}`);
}
