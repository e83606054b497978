import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Git, GitError, git, tryGit } from '../../../agent/git/git.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { temporaryName } from '../../../lib/files.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { TaskRefs } from './exchange.ts';
import { explainGit } from './explain.ts';
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

/** Independent of the user's settings. */
const plainOptions = ['--no-color', '--no-ext-diff', '--no-textconv', '--no-relative', '-O/dev/null'];
const patchOptions = [
  '--no-renames',
  '--binary',
  '--full-index',
  '--src-prefix=a/',
  '--dst-prefix=b/',
  '--submodule=short',
];

/** Returns what a task has changed. @throws UserError if the commit that it started from is missing */
export async function changesOf(own: Git, refs: TaskRefs, columns = 80): Promise<Changes> {
  const [base, commit] = await Promise.all([
    git(own, ['rev-parse', '--verify', `${refs.base}^{commit}`]).catch(() => undefined),
    git(own, ['rev-parse', '--verify', `${refs.branch}^{commit}`]),
  ]);
  if (base === undefined) throw new UserError('the commit that the task started from is not known any more');
  const [short, stat, commits] = await Promise.all([
    git(own, ['diff', ...plainOptions, '--find-renames', '--shortstat', base, commit]),
    git(own, ['diff', ...plainOptions, '--find-renames', `--stat=${columns}`, base, commit]),
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
  try {
    await git(repository.git, ['diff', ...plainOptions, ...patchOptions, `--output=${file}`, base, commit]);
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
  requireWorkTree(repository);
  const added = await addSkippedFiles(repository.git, changes);
  try {
    await withPatch(repository, changes, (file) => git(repository.git, ['apply', '--whitespace=nowarn', file]));
  } catch (error) {
    for (const path of added) await rm(resolve(repository.workTree ?? '', path), { force: true });
    if (!(error instanceof GitError)) throw error;
    if (/No space left|Disk quota|Permission denied|Read-only/.test(error.output))
      throw explainGit(error, 'apply the changes to your files');
    throw new UserError('the changes do not fit the files in the work tree, which stay as they are', {
      remedy: `Merge the branch instead: git merge ${shellQuote(name)}`,
      cause: error,
    });
  }
}

/** @throws UserError in a bare repository, which has no files */
export function requireWorkTree({ workTree }: LocalRepository): void {
  if (workTree !== undefined) return;
  throw new UserError('cannot apply changes: a bare repository has no work tree', {
    remedy: 'Omit --apply, and use the branch, or change to a work tree of the repository.',
    exitCode: ExitCode.configuration,
  });
}

/** Writes the changed files that a sparse checkout leaves out, because a patch needs them. Returns their paths. */
async function addSkippedFiles(own: Git, { base, commit }: Changes): Promise<string[]> {
  const isSparse = await tryGit(own, ['config', '--type=bool', '--get', 'core.sparseCheckout']);
  if (isSparse !== 'true') return [];
  const names = await git(own, [
    'diff',
    ...plainOptions,
    '--no-renames',
    '--name-only',
    '--diff-filter=a',
    '-z',
    base,
    commit,
  ]);
  const listed = await git(own, ['ls-files', '-z', '-t']);
  const skipped = new Set(listed.split('\0').flatMap((line) => (line.startsWith('S ') ? [line.slice(2)] : [])));
  const wanted = names.split('\0').filter((name) => skipped.has(name));
  if (wanted.length === 0) return [];
  const args = ['checkout-index', '--quiet', '--ignore-skip-worktree-bits', '-z', '--stdin'];
  await tryGit(own, args, { input: `${wanted.join('\0')}\0` });
  return wanted;
}
