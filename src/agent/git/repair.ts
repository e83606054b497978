import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../../lib/errors.ts';
import { move, writeDurably } from '../../lib/files.ts';
import { TurnFailure } from '../failures.ts';
import { type Clone, fetchAll } from './clone.ts';
import { gitEnvironment } from './environment.ts';
import { explainGitError } from './explain.ts';
import { type Git, git, tryGit } from './git.ts';
import { addIgnored } from './ignored.ts';

/** Whether git can still work on a clone, and knows the commit that the turn started from. */
export async function isIntact({ folder, baseline }: Clone, env: NodeJS.ProcessEnv): Promise<boolean> {
  const local: Git = { folder, env: gitEnvironment(env) };
  if ((await tryGit(local, ['rev-parse', '--is-inside-work-tree'])) !== 'true') return false;
  return baseline === undefined || (await tryGit(local, ['cat-file', '-e', `${baseline}^{commit}`])) !== undefined;
}

/**
 * Replaces the `.git` of a clone that the agent has removed, replaced or damaged by a new one, and keeps the files. Commits
 * of the agent that are still readable are kept too. Returns a sentence that says what happened.
 * @throws TurnFailure if there are no files, or the repository cannot be fetched
 */
export async function restoreRepository(
  clone: Clone,
  { env, log }: { env: NodeJS.ProcessEnv; log: (line: string) => void },
): Promise<string> {
  const { folder, name, baseline, featureBranch } = clone;
  const entries = await readdir(folder).catch(() => []);
  if (entries.every((entry) => entry === '.git')) {
    throw new TurnFailure(`the agent deleted the clone of ${name}.`, { remedy: 'Repeat the turn.', isWorkSaved: true });
  }
  const aside = await mkdtemp(join(dirname(folder), '.plan42-git-'));
  try {
    const fresh = join(aside, 'fresh');
    await fetchAll(clone, { folder: fresh, env, log }).catch((error: unknown) => {
      throw explainGitError(error, { doing: 'clone', repo: name, log, ...clone });
    });
    const damaged = join(aside, 'damaged');
    await renameIfExists(join(folder, '.git'), damaged);
    await move(join(fresh, '.git'), join(folder, '.git'));
    await renameIfExists(join(damaged, 'modules'), join(folder, '.git/modules'));
    const local: Git = { folder, env: gitEnvironment(env) };
    const own = await readCommits(local, damaged, baseline);
    const head = own ?? baseline;
    await git(local, ['symbolic-ref', 'HEAD', `refs/heads/${featureBranch}`]);
    if (head !== undefined) await git(local, ['update-ref', `refs/heads/${featureBranch}`, head]);
    await git(local, ['reset', '--quiet']);
    await addIgnored(local, clone.ignored);
    return own === undefined
      ? `The agent removed or damaged .git of ${name}: its files were committed, its own commits are lost.`
      : `The agent damaged .git of ${name}: its files and its commits were saved.`;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** Fetches the commits of the agent from its repository. Undefined if they cannot be read, or are of another history. */
async function readCommits(local: Git, damaged: string, baseline: string | undefined): Promise<string | undefined> {
  if (!existsSync(join(damaged, 'HEAD'))) return undefined;
  // The settings may be the damage.
  await writeDurably(join(damaged, 'config'), '[core]\n\trepositoryformatversion = 0\n', 0o644);
  if ((await tryGit(local, ['fetch', '--quiet', '--no-tags', '--', damaged, 'HEAD'])) === undefined) return undefined;
  const theirs = await git(local, ['rev-parse', 'FETCH_HEAD']);
  if (baseline === undefined) return theirs;
  const isLater = await tryGit(local, ['merge-base', '--is-ancestor', baseline, theirs]);
  return isLater === undefined ? undefined : theirs;
}

async function renameIfExists(from: string, to: string): Promise<void> {
  await move(from, to).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error;
  });
}
