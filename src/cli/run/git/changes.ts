import { rm } from 'node:fs/promises';
import { type Git, GitError, git } from '../../../agent/git/git.ts';
import { UserError } from '../../../lib/errors.ts';
import { temporaryName } from '../../../lib/files.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { TaskRefs } from './exchange.ts';
import { gitPath, type LocalRepository } from './local-repository.ts';

export interface Changes {
  base: string;
  commit: string;
  commits: number;
  files: number;
  insertions: number;
  deletions: number;
  /** The statistic of `git diff --stat`. */
  stat: string;
}

/** Returns what a task has changed. @throws UserError if the commit that it started from is missing */
export async function changesOf(own: Git, refs: TaskRefs, columns = 80): Promise<Changes> {
  const [base, commit] = await Promise.all([
    git(own, ['rev-parse', '--verify', `${refs.base}^{commit}`]).catch(() => undefined),
    git(own, ['rev-parse', '--verify', `${refs.branch}^{commit}`]),
  ]);
  if (base === undefined) throw new UserError('the commit that the task started from is not known any more');
  const [short, stat, commits] = await Promise.all([
    git(own, ['diff', '--shortstat', base, commit]),
    git(own, ['-c', 'core.quotePath=false', 'diff', `--stat=${columns}`, base, commit]),
    git(own, ['rev-list', '--count', `${base}..${commit}`]),
  ]);
  return { base, commit, commits: Number(commits), ...parseShortStat(short), stat };
}

/** Parses the line of `git diff --shortstat`; zeros if it is empty. */
export function parseShortStat(line: string): Pick<Changes, 'files' | 'insertions' | 'deletions'> {
  const count = (pattern: RegExp) => Number(pattern.exec(line)?.[1] ?? 0);
  return {
    files: count(/(\d{1,9}) files? changed/),
    insertions: count(/(\d{1,9}) insertions?\(\+\)/),
    deletions: count(/(\d{1,9}) deletions?\(-\)/),
  };
}

/** Writes the changes into a file for as long as `use` takes. A patch can be of any size. */
export async function withPatch<T>(
  repository: LocalRepository,
  { base, commit }: Changes,
  use: (file: string) => Promise<T>,
): Promise<T> {
  const file = temporaryName(await gitPath(repository, 'plan42.patch'));
  const options = ['--binary', '--full-index', '--no-color', '--no-ext-diff', '--no-textconv', '--no-renames'];
  try {
    await git(repository.git, ['diff', ...options, `--output=${file}`, base, commit]);
    return await use(file);
  } finally {
    await rm(file, { force: true });
  }
}

/**
 * Applies what a task has changed to the work tree, and neither commits nor stages it. All or nothing.
 * @param name how the user can name the branch
 * @throws UserError if it does not fit
 */
export async function applyChanges(repository: LocalRepository, changes: Changes, name: string): Promise<void> {
  if (repository.workTree === undefined)
    throw new UserError('a bare repository has no work tree', { remedy: `Use the branch ${name}.` });
  try {
    await withPatch(repository, changes, (file) => git(repository.git, ['apply', '--whitespace=nowarn', file]));
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new UserError('the changes do not fit the files in the work tree, which stay as they are', {
      remedy: `Merge the branch instead: git merge ${shellQuote(name)}`,
      cause: error,
    });
  }
}
