import { systemClock } from '../../lib/clock.ts';
import { retry } from '../../lib/retry.ts';
import { conflictBranch } from '../../plan42/hosted-repositories.ts';
import { TurnFailure } from '../failures.ts';
import type { Clone } from './clone.ts';
import { gitEnvironment, theRemote } from './environment.ts';
import { explainGitError, isTransientGitError } from './explain.ts';
import { type Git, GitError, git, tryGit } from './git.ts';
import { uploadContents } from './lfs.ts';

export interface PushOptions {
  env: NodeJS.ProcessEnv;
  turnIndex: number;
  /** Undefined while the process is being stopped. */
  signal?: AbortSignal | undefined;
  log: (line: string) => void;
}

const attempts = 6;
const backoff = { minMs: 300, maxMs: 8000 };

/** Returns the current commit of the clone. Undefined in an empty repository. */
export function headOf({ folder }: Clone, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return tryGit({ folder, env: gitEnvironment(env) }, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
}

/**
 * Pushes what the turn committed to the feature branch, and returns the pushed commit. Commits that others have pushed
 * meanwhile are merged. The branch is only ever extended: no commit that was once reported disappears from it.
 * @throws TurnFailure
 */
export async function push(clone: Clone, options: PushOptions): Promise<string | undefined> {
  const { env, signal, log } = options;
  const local: Git = { folder: clone.folder, env: gitEnvironment(env, clone), signal };
  const head = await headOf(clone, env);
  if (head === undefined || head === (clone.pushed ?? clone.baseline)) return clone.pushed;
  try {
    await uploadContents(clone, local);
    return await retry(() => pushOnce(clone, local), {
      backoff,
      maxAttempts: attempts,
      signal,
      shouldRetry: async (error) => {
        if (isTransientGitError(error)) return true;
        if (!isBehind(error)) return false;
        log(`The branch ${clone.featureBranch} has changed. Merging.`);
        await mergeRemote(clone, local, options);
        return true;
      },
      retryDelayMs: (error) => (isBehind(error) ? 0 : undefined),
      sleep: systemClock.sleep,
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw explainGitError(error, { ...clone, doing: 'push to', repo: clone.name, url: clone.pushUrl, log });
  }
}

async function pushOnce({ featureBranch }: Clone, local: Git): Promise<string> {
  const commit = await git(local, ['rev-parse', 'HEAD']);
  const refspec = `${commit}:refs/heads/${featureBranch}`;
  await git(local, ['push', '--porcelain', '--no-follow-tags', '--', theRemote, refspec]);
  return commit;
}

function isBehind(error: unknown): boolean {
  return (
    error instanceof GitError &&
    /\(fetch first\)|\(non-fast-forward\)|cannot lock ref|incorrect old value|failed to update ref/.test(error.output)
  );
}

async function mergeRemote(clone: Clone, local: Git, { turnIndex, env }: PushOptions): Promise<void> {
  const { name, featureBranch, baseline, pushed } = clone;
  await git(local, ['fetch', '--quiet', '--', theRemote, `refs/heads/${featureBranch}`]);
  const theirs = await git(local, ['rev-parse', 'FETCH_HEAD']);
  const message = `Merge the branch ${featureBranch}`;
  const merge = ['merge', '--quiet', '--no-verify', '--allow-unrelated-histories', '-m', message];
  // Only the agent changed the branch: it rewrote commits. Its version is the right one, and the old commits stay reachable.
  if (theirs === (pushed ?? baseline)) return void (await git(local, [...merge, '--strategy=ours', theirs]));
  if ((await tryGit(local, [...merge, theirs])) !== undefined) return;
  const files = (await tryGit(local, ['diff', '--name-only', '--diff-filter=U'])) ?? '';
  await tryGit(local, ['merge', '--abort']);
  const otherBranch = conflictBranch(featureBranch, turnIndex);
  await pushOnce({ ...clone, featureBranch: otherBranch }, { ...local, env: gitEnvironment(env, clone) });
  throw new TurnFailure(
    `another commit on ${featureBranch} of ${name} conflicts with this turn's changes${inFiles(files.split('\n'))}.`,
    {
      remedy: `The work of this turn is on the branch ${otherBranch}. Merge it, or repeat the turn.`,
      isWorkSaved: true,
    },
  );
}

/** Returns the files in which the work conflicts with its target branch. Empty if it can be merged. */
export async function conflictsWithTarget(clone: Clone, env: NodeJS.ProcessEnv): Promise<string[]> {
  const { folder, targetBranch } = clone;
  const local: Git = { folder, env: gitEnvironment(env, clone) };
  if (targetBranch === '' || targetBranch === clone.featureBranch) return [];
  const tracked = `refs/remotes/origin/${targetBranch}`;
  await tryGit(local, ['fetch', '--quiet', '--', theRemote, `+refs/heads/${targetBranch}:${tracked}`]);
  try {
    await git(local, ['merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', 'HEAD', tracked]);
    return [];
  } catch (error) {
    if (!(error instanceof GitError && error.exitCode === 1)) return [];
    return error.output
      .split('\0')
      .slice(1)
      .filter((file) => file !== '');
  }
}

/** Returns ` in a, b`, with the first names. Empty if there are none. */
export function inFiles(names: readonly string[]): string {
  if (names.length === 0) return '';
  const shown = names.slice(0, 5).join(', ');
  return ` in ${shown}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
}
