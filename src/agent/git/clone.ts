import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { retry } from '../../lib/retry.ts';
import { TurnFailure } from '../failures.ts';
import { gitEnvironment } from './environment.ts';
import { explainGitError, isTransientGitError, lastReason } from './explain.ts';
import { type Git, GitError, git, tryGit } from './git.ts';
import { commitContents } from './lfs.ts';
import type { Location } from './locate.ts';
import { submodulePaths } from './submodules.ts';

/** A clone in the workspace, with the task's branch checked out. */
export interface Clone extends Location {
  folder: string;
  /** Where fetches and pushes go: the settings of the image may replace `url`. The agent can change them. */
  fetchUrl: string;
  pushUrl: string;
  featureBranch: string;
  /** Where the work is going. Empty if the repository is empty. */
  targetBranch: string;
  /** The commit that the turn started from. Undefined in an empty repository. */
  baseline: string | undefined;
  /** The commit of the feature branch on the server. Undefined if it does not exist there. */
  pushed: string | undefined;
  /** Patterns of files that are not committed, because the setup script left them. */
  ignored: string[];
}

export interface CloneOptions {
  folder: string;
  featureBranch: string;
  /** The default branch if it is empty or does not exist. */
  targetBranch: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
  signal: AbortSignal;
}

/** The runner keeps copies of repositories here, which no agent can change. */
const defaultMirrors = '/var/cache/plan42/git';
const attempts = 4;
const backoff = { minMs: 500, maxMs: 8000 };

/** Clones a repository and checks out the task's branch, as the last turn left it. @throws TurnFailure */
export async function clone(location: Location, options: CloneOptions): Promise<Clone> {
  const { folder, env, log, signal } = options;
  const { name } = location;
  const local: Git = { folder, env: gitEnvironment(env, location), signal };
  try {
    await fetchAll(location, { folder, env, log, signal });
    const [fetchUrl, pushUrl] = [
      await git(local, ['remote', 'get-url', 'origin']),
      await git(local, ['remote', 'get-url', '--push', 'origin']),
    ];
    const branches = await findBranches(local, options);
    await checkOut(local, branches);
    const baseline = await tryGit(local, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
    if (location.isHosted) await commitContents(local);
    await updateSubmodules(local, name, log);
    const { featureBranch, targetBranch, pushed } = branches;
    return { ...location, folder, fetchUrl, pushUrl, featureBranch, targetBranch, baseline, pushed, ignored: [] };
  } catch (error) {
    signal.throwIfAborted();
    throw explainGitError(error, { doing: 'clone', repo: name, log, ...location });
  }
}

/** Fetches all branches into a folder, without a checkout. @throws GitError, or the signal's reason */
export async function fetchAll(
  location: Location,
  { folder, env, log, signal }: Pick<CloneOptions, 'folder' | 'env' | 'log'> & { signal?: AbortSignal },
): Promise<void> {
  const parent: Git = { folder: dirname(folder), env: gitEnvironment(env, location), signal };
  await mkdir(parent.folder, { recursive: true });
  await retry(() => fetchOnce(location, parent, { ...parent, folder }), {
    backoff,
    maxAttempts: attempts,
    signal,
    shouldRetry: isTransientGitError,
    onRetry: () => log(`Cloning ${location.name} again: the connection broke off.`),
  });
}

// An image may bring a clone along, with its ignored files. Then only the difference is fetched.
async function fetchOnce({ name, url }: Location, parent: Git, local: Git): Promise<void> {
  const { folder } = local;
  if (existsSync(join(folder, '.git', 'HEAD'))) {
    await rm(join(folder, '.git', 'index.lock'), { force: true });
    await git(local, ['config', 'remote.origin.url', url]);
    await tryGit(local, ['config', '--unset-all', 'remote.origin.pushurl']);
    await git(local, ['config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*']);
    await git(local, ['fetch', '--quiet', '--prune', 'origin']);
    await tryGit(local, ['remote', 'set-head', 'origin', '--auto']);
    return;
  }
  await rm(folder, { recursive: true, force: true });
  const mirror = mirrorOf(name, url, local.env);
  const reference = mirror === undefined ? [] : ['--reference-if-able', mirror];
  try {
    await git(parent, ['clone', '--quiet', '--no-checkout', ...reference, '--', url, folder]);
  } catch (error) {
    // One that was killed leaves a part.
    if (error instanceof GitError) await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function mirrorOf(name: string, url: string, env: NodeJS.ProcessEnv): string | undefined {
  const host = URL.parse(url)?.host;
  return host ? join(env['PLAN42_GIT_MIRRORS'] || defaultMirrors, host, `${name}.git`) : undefined;
}

type Branches = Pick<Clone, 'featureBranch' | 'targetBranch' | 'pushed'>;

async function findBranches(local: Git, { featureBranch, targetBranch, log }: CloneOptions): Promise<Branches> {
  if ((await tryGit(local, ['check-ref-format', '--branch', featureBranch])) === undefined) {
    throw new TurnFailure(`the task's branch ${JSON.stringify(featureBranch)} has no valid name.`, {
      remedy: 'Change FeatureBranch of the task.',
    });
  }
  const commitOf = (branch: string) =>
    tryGit(local, ['rev-parse', '--verify', '--quiet', `refs/remotes/origin/${branch}^{commit}`]);
  const pushed = await commitOf(featureBranch);
  if (targetBranch !== '' && (await commitOf(targetBranch)) !== undefined) {
    return { featureBranch, targetBranch, pushed };
  }
  const head = await tryGit(local, ['symbolic-ref', '--quiet', 'refs/remotes/origin/HEAD']);
  const defaultBranch = head?.replace('refs/remotes/origin/', '') ?? '';
  if (targetBranch !== '' && defaultBranch !== '') {
    log(`There is no branch ${targetBranch}, so the work is based on ${defaultBranch}.`);
  }
  return { featureBranch, targetBranch: defaultBranch, pushed };
}

async function checkOut(local: Git, { featureBranch, targetBranch, pushed }: Branches): Promise<void> {
  const start = pushed ?? (targetBranch === '' ? undefined : `refs/remotes/origin/${targetBranch}`);
  if (start === undefined) await git(local, ['symbolic-ref', 'HEAD', `refs/heads/${featureBranch}`]);
  else await git(local, ['checkout', '--quiet', '--force', '--no-track', '-B', featureBranch, start]);
  // A killed turn may have left files in a folder that is kept.
  await git(local, ['clean', '--quiet', '--force', '-d']);
}

// One after the other, because one that is missing ends the command.
async function updateSubmodules(local: Git, name: string, log: (line: string) => void): Promise<void> {
  for (const path of await submodulePaths(local)) {
    try {
      await git(local, ['submodule', '--quiet', 'update', '--init', '--recursive', '--', path]);
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      log(`The submodule ${path} of ${name} is missing: ${submoduleReason(error.output)}`);
    }
  }
}

// The last line only says that its clone failed.
function submoduleReason(output: string): string {
  const lines = output.split('\n');
  return lastReason(lines.find((line) => line.startsWith('fatal: ') && !line.startsWith('fatal: clone of')) ?? output);
}
