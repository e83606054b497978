/** Repositories inside of a clone: those that the agent has made, clones of others, and submodules. */
import { existsSync } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Git, git, tryGit } from './git.ts';
import { submodulePaths } from './submodules.ts';

/**
 * Makes ordinary folders of the repositories that the agent has made, as tools do that create projects: their files belong
 * to the work. `beforeRemoval` is called while the history is still there. Returns the paths.
 */
export async function takeInOwnRepositories(
  local: Git,
  beforeRemoval: (path: string) => Promise<void>,
): Promise<string[]> {
  const taken: string[] = [];
  // The files of one may contain another.
  for (let before = -1; before < taken.length; ) {
    before = taken.length;
    for (const path of await untrackedRepositories(local)) {
      if (await isOfAnother(local, path)) continue;
      await beforeRemoval(path);
      await rm(join(local.folder, path, '.git'), { recursive: true, force: true });
      taken.push(path);
    }
  }
  return taken;
}

export const nestedIn = (local: Git, path: string): Git => ({ ...local, folder: join(local.folder, path) });

export function hasCommits(repository: Git): Promise<boolean> {
  return tryGit(repository, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']).then((head) => head !== undefined);
}

async function untrackedRepositories(local: Git): Promise<string[]> {
  const untracked = await git(local, ['ls-files', '--others', '--exclude-standard', '-z']);
  return untracked.split('\0').flatMap((path) => (path.endsWith('/') ? [path.slice(0, -1)] : []));
}

/** Whether it is the clone of another repository, or a second working tree. */
async function isOfAnother(local: Git, path: string): Promise<boolean> {
  const nested = nestedIn(local, path);
  if (!(await lstat(join(nested.folder, '.git'))).isDirectory()) return true;
  return (await hasCommits(nested)) && (await tryGit(nested, ['remote'])) !== '';
}

/**
 * Takes out of the index what would become a link to a commit that exists only here. Returns the paths of these
 * repositories, and of submodules with changes that are not committed.
 */
export async function leaveOutRepositories(local: Git): Promise<string[]> {
  const submodules = await submodulePaths(local);
  const changes = await git(local, ['diff', '--cached', '--raw', '--no-abbrev', '-z', '--no-renames']);
  const parts = changes.split('\0');
  const links = parts.flatMap((entry, index) => {
    const [, from = '', commit = ''] = /^:(?:000000|160000) 160000 (\S+) (\S+) [AM]$/.exec(entry) ?? [];
    return commit === '' ? [] : [{ path: parts[index + 1] ?? '', from, commit }];
  });
  const left = new Set<string>();
  for (const { path, from, commit } of links) {
    if (submodules.includes(path) && (await isPublished(nestedIn(local, path), commit))) continue;
    if (/^0+$/.test(from)) await git(local, ['rm', '--quiet', '--force', '--cached', '--', path]);
    else await git(local, ['update-index', '--cacheinfo', `160000,${from},${path}`]);
    left.add(path);
  }
  for (const path of submodules) {
    const submodule = nestedIn(local, path);
    if (existsSync(join(submodule.folder, '.git')) && (await isDirty(submodule))) left.add(path);
  }
  return [...left];
}

/** Whether a repository contains work that no other one has. */
export async function hasOwnWork(local: Git, path: string): Promise<boolean> {
  const nested = nestedIn(local, path);
  if (await isDirty(nested)) return true;
  // A second working tree shares its branches with the clone.
  const isWorktree = (await tryGit(nested, ['rev-parse', '--git-common-dir'])) !== '.git';
  const parent = isWorktree ? await tryGit(local, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']) : undefined;
  const isShared = parent !== undefined && (await tryGit(nested, ['cat-file', '-e', parent])) !== undefined;
  const from = isWorktree ? ['HEAD'] : ['HEAD', '--branches'];
  const not = ['--not', '--remotes', ...(isShared ? [parent] : [])];
  return (await tryGit(nested, ['rev-list', '--max-count=1', ...from, ...not])) !== '';
}

async function isDirty(repository: Git): Promise<boolean> {
  return (await tryGit(repository, ['status', '--porcelain'])) !== '';
}

/** Whether others can fetch a commit. */
async function isPublished(repository: Git, commit: string): Promise<boolean> {
  const refs = await tryGit(repository, ['branch', '--remotes', '--contains', commit]);
  return refs !== undefined && refs !== '';
}
