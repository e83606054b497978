/** The repository that the user is in, in whatever state it is. */
import { hash } from 'node:crypto';
import { copyFile, rm } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { configVariables } from '../../../agent/git/environment.ts';
import { type Git, GitError, git, tryGit } from '../../../agent/git/git.ts';
import { ExitCode, errorCode, UserError } from '../../../lib/errors.ts';
import { exists, temporaryName } from '../../../lib/files.ts';
import { printableLine } from '../../../lib/printable.ts';
import { trimEnd } from '../../../lib/trim-end.ts';
import type { CliContext } from '../../context.ts';
import { explainGit } from './explain.ts';

export interface LocalRepository {
  /** Runs git with the user's settings. */
  git: Git;
  /** Where the user is. Undefined in a bare repository. */
  workTree: string | undefined;
  /** The folder below the work tree that the user is in. Empty at its top. */
  subfolder: string;
  /** The current branch; undefined if HEAD is detached. */
  branch: string | undefined;
  /** The commit of HEAD. */
  head: string;
  /** The name of the hosted repository for it. The same for all its work trees. */
  hostedName: string;
  isDirty: boolean;
  notes: string[];
}

/** Settings of users that would change what our commands print or accept. Options of git override the others. */
const ownSettings = {
  'color.ui': 'false',
  'color.diff': 'false',
  'color.status': 'false',
  'core.quotePath': 'false',
  'core.safecrlf': 'false',
  'apply.ignoreWhitespace': 'no',
  'diff.ignoreSubmodules': 'none',
  'fetch.prune': 'false',
  'push.pushOption': '',
  'submodule.recurse': 'false',
};

/**
 * Opens the repository of a folder.
 * @throws UserError if there is none, or it has no commit
 */
export async function openRepository(context: CliContext, folder: string): Promise<LocalRepository> {
  const { signal } = context;
  // Messages are read, and questions are for us to ask.
  const plain = { ...context.env, LC_ALL: 'C.UTF-8', LANGUAGE: 'en', GIT_TERMINAL_PROMPT: '0', GIT_PAGER: 'cat' };
  const env = { ...plain, ...configVariables(plain, ownSettings) };
  const here: Git = { folder, env, signal };
  const isBare = (await ask(here, ['rev-parse', '--is-bare-repository'])) === 'true';
  const format = await tryGit(here, ['rev-parse', '--show-object-format']);
  if (format !== undefined && format !== 'sha1') {
    throw new UserError(`"plan42 run" cannot send repositories with ${format} object names`, {
      remedy: 'Use a clone of it with SHA-1: git init --object-format=sha1',
      exitCode: ExitCode.configuration,
    });
  }
  const workTree = isBare ? undefined : await ask(here, ['rev-parse', '--show-toplevel']);
  const prefix = isBare ? '' : await ask(here, ['rev-parse', '--show-prefix']);
  const own: Git = { ...here, folder: workTree ?? folder };
  const head = await tryGit(own, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
  if (head === undefined) {
    throw new UserError(`the repository ${own.folder} has no commit yet`, {
      remedy: 'Make one: git add --all && git commit --message "Begin"',
      exitCode: ExitCode.configuration,
    });
  }
  const branch = await tryGit(own, ['symbolic-ref', '--quiet', '--short', 'HEAD']);
  const common = resolve(own.folder, await git(own, ['rev-parse', '--git-common-dir']));
  const status = isBare
    ? ''
    : await git(own, ['status', '--porcelain', '--untracked-files=normal', '--ignore-submodules=none']);
  return {
    ...{ git: own, workTree, branch, head, isDirty: status !== '' },
    subfolder: trimEnd(prefix, '/'),
    hostedName: hostedNameFor(common),
    notes: await notesOf(own, head),
  };
}

async function ask(repository: Git, args: readonly string[]): Promise<string> {
  try {
    return await git(repository, args);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new UserError('git is not installed', { remedy: 'Install git.', exitCode: ExitCode.configuration });
    }
    if (!(error instanceof GitError)) throw error;
    if (!/not a git repository/.test(error.output)) throw explainGit(error, undefined, ExitCode.configuration);
    throw new UserError(`${repository.folder} is not in a git repository`, {
      remedy: 'Change to one, or make one: git init && git add --all && git commit',
      exitCode: ExitCode.configuration,
    });
  }
}

/** Names the hosted repository after the folder, and after the place of the repository, which tells two of one name apart. */
export function hostedNameFor(commonFolder: string): string {
  const folder = basename(commonFolder) === '.git' ? dirname(commonFolder) : commonFolder;
  const slug = basename(folder)
    .slice(0, 100)
    .replace(/\.git$/, '')
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-|-$/g, '');
  return `${slug === '' ? 'repository' : slug}-${hash('sha256', commonFolder, 'hex').slice(0, 8)}`;
}

async function notesOf(repository: Git, head: string): Promise<string[]> {
  const notes: string[] = [];
  if ((await tryGit(repository, ['cat-file', '-e', `${head}:.gitmodules`])) !== undefined) {
    const args = ['config', '--blob', `${head}:.gitmodules`, '--get-regexp', '^submodule\\..*\\.url$'];
    const urls = (await tryGit(repository, args)) ?? '';
    const [, relative] = /^\S+ (\.\.?\/.*)$/m.exec(urls) ?? [];
    notes.push(
      relative === undefined
        ? 'The agent gets no submodules, unless it can clone them from their own URLs.'
        : `The agent gets no submodules with relative URLs, such as ${printableLine(relative)}, because it does not know your remote.`,
    );
  }
  const attributes = await tryGit(repository, ['show', `${head}:.gitattributes`]);
  if (attributes !== undefined && /\bfilter=lfs\b/.test(attributes))
    notes.push('The agent gets files of Git LFS as pointers, without their contents.');
  return notes;
}

/**
 * Returns a commit with all changes of the work tree that git does not ignore. Neither the index nor the branch changes.
 * @throws UserError if files have unresolved conflicts
 */
export async function commitOfWorkTree({ git: repository, head, workTree }: LocalRepository): Promise<string> {
  if (workTree === undefined)
    throw new UserError('a bare repository has no changes to commit', { remedy: 'Omit --dirty.' });
  if ((await git(repository, ['ls-files', '--unmerged'])) !== '') {
    throw new UserError('files have unresolved conflicts', {
      remedy: 'Resolve them and run "git add", or omit --dirty.',
    });
  }
  const index = resolve(workTree, await git(repository, ['rev-parse', '--git-path', 'index']));
  const temporary = temporaryName(index);
  try {
    // With it, git does not read unchanged files again.
    if (await exists(index)) await copyFile(index, temporary);
    const own: Git = { ...repository, env: { ...repository.env, GIT_INDEX_FILE: temporary } };
    await git(own, ['add', '--all', '--', '.']);
    const tree = await git(own, ['write-tree']);
    if (tree === (await git(own, ['rev-parse', `${head}^{tree}`]))) return head;
    const env = { ...own.env, ...(await identityOf(repository)) };
    return await git({ ...own, env }, ['commit-tree', '--no-gpg-sign', '-p', head, '-m', 'Uncommitted changes', tree]);
  } finally {
    await rm(temporary, { force: true });
    await rm(`${temporary}.lock`, { force: true });
  }
}

/** Returns the user as the author of commits, or ours if git does not know the user. */
async function identityOf(repository: Git): Promise<NodeJS.ProcessEnv> {
  const author = (await authorOf(repository)) ?? { name: 'Plan42', email: 'plan42@localhost' };
  return {
    GIT_AUTHOR_NAME: author.name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_COMMITTER_NAME: author.name,
    GIT_COMMITTER_EMAIL: author.email,
  };
}

/** Returns the user's identity; undefined if git does not know it. */
export async function authorOf(repository: Git): Promise<{ name: string; email: string } | undefined> {
  const ident = await tryGit(repository, ['var', 'GIT_AUTHOR_IDENT']);
  const [, name, email] = /^([^<]+) <([^>]+)>/.exec(ident ?? '') ?? [];
  return name === undefined || email === undefined ? undefined : { name, email };
}

/** The path of a file in the repository's own folder, of this work tree. */
export async function gitPath({ git: repository }: LocalRepository, name: string): Promise<string> {
  return resolve(repository.folder, await git(repository, ['rev-parse', '--git-path', name]));
}
