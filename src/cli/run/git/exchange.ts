/** Moves commits between the user's repository and the hosted one. */
import { gitEnvironment, theRemote } from '../../../agent/git/environment.ts';
import { type Git, GitError, git, tryGit } from '../../../agent/git/git.ts';
import { isLoopback } from '../../../lib/loopback.ts';
import { trimEnd } from '../../../lib/trim-end.ts';
import { baseBranchOf, conflictBranch, gitUser, repositoryPath } from '../../../plan42/hosted-repositories.ts';
import type { ServerLocation } from '../../server/location.ts';
import { explainGit } from './explain.ts';
import type { LocalRepository } from './local-repository.ts';

/** A hosted repository, as git reaches it from here. */
export interface HostedRemote {
  git: Git;
  /** Options of git before the command. */
  options: string[];
}

/** Prepares calls of git to the hosted repository of a local one. Hooks do not run, and the token is in the environment only. */
export function hostedRemote(
  { git: own, hostedName }: Pick<LocalRepository, 'git' | 'hostedName'>,
  { url: server, token, caFile }: ServerLocation,
  tenantId: string,
): HostedRemote {
  const url = trimEnd(server, '/') + repositoryPath(tenantId, hostedName);
  const env = gitEnvironment(own.env, { url, credentials: { user: gitUser, password: token } });
  const { hostname, origin } = new URL(url);
  return {
    git: { ...own, env: { ...env, GIT_LFS_SKIP_PUSH: '1', ...(caFile && { GIT_SSL_CAINFO: caFile }) } },
    options: isLoopback(hostname) ? ['-c', `http.${origin}/.proxy=`] : [],
  };
}

const pushOptions = ['push', '--quiet', '--no-verify', '--no-follow-tags', '--recurse-submodules=no', '--no-signed'];
const fetchOptions = [
  'fetch',
  '--quiet',
  '--no-tags',
  '--no-auto-gc',
  '--no-write-fetch-head',
  '--recurse-submodules=no',
];

/** Pushes a commit to a branch. @throws UserError */
export async function pushCommit(remote: HostedRemote, commit: string, branch: string): Promise<void> {
  await run(
    remote,
    [...pushOptions, theRemote, `+${commit}:refs/heads/${branch}`],
    'send the repository to the server',
  );
}

/** Where the branch of a task and the commit that it started from are kept in the user's repository. */
export interface TaskRefs {
  branch: string;
  base: string;
  /** The work of a turn that conflicts with the branch, if there is any. */
  conflict?: string;
}

export function refsOf(taskId: string): TaskRefs {
  const folder = `refs/plan42/${taskId.slice(0, 8)}`;
  return { branch: `${folder}/branch`, base: `${folder}/base` };
}

/**
 * Fetches the branch of a task, the commit that it started from, and the work of a turn that conflicts with the branch, into
 * refs of their own.
 * @returns undefined if the agent has not pushed anything
 * @throws UserError
 */
export async function fetchTask(
  remote: HostedRemote,
  { taskId, featureBranch, turnIndex }: { taskId: string; featureBranch: string; turnIndex?: number },
): Promise<TaskRefs | undefined> {
  const refs = refsOf(taskId);
  const [feature, base] = [`refs/heads/${featureBranch}`, `refs/heads/${baseBranchOf(taskId)}`];
  const conflict = turnIndex === undefined ? [] : [`refs/heads/${conflictBranch(featureBranch, turnIndex)}`];
  const list = ['ls-remote', theRemote, feature, base, ...conflict];
  const listed = await run(remote, list, 'list the branches on the server');
  const has = (ref: string) => listed.split('\n').some((line) => line.endsWith(`\t${ref}`));
  if (!has(feature)) return undefined;
  const found = conflict.find(has);
  if (found !== undefined) refs.conflict = `${refs.branch}-turn-${turnIndex}`;
  const wanted = [
    `+${feature}:${refs.branch}`,
    ...(has(base) ? [`+${base}:${refs.base}`] : []),
    ...(found === undefined ? [] : [`+${found}:${refs.conflict}`]),
  ];
  await run(remote, [...fetchOptions, theRemote, ...wanted], 'fetch the branch of the task');
  return refs;
}

/**
 * Returns the name of a task's branch in the user's repository. A branch that is called like its first part, such as `plan42`,
 * leaves no room for it in git.
 */
export async function localBranchName(own: Git, featureBranch: string): Promise<string> {
  const parts = featureBranch.split('/');
  const parents = parts.slice(1).map((_, index) => `refs/heads/${parts.slice(0, index + 1).join('/')}`);
  const blocking = await git(own, ['for-each-ref', '--format=%(refname)', ...parents]);
  const isBlocked = blocking.split('\n').some((ref) => parents.includes(ref));
  return isBlocked ? parts.join('-') : featureBranch;
}

/**
 * Sets the local branch to a ref that was fetched, unless that would lose commits or change a checked-out work tree.
 * @returns the name to take it over by: the branch, or the ref that was fetched
 */
export async function updateBranch(own: Git, fetched: string, featureBranch: string): Promise<string> {
  const name = await localBranchName(own, featureBranch);
  const local = `refs/heads/${name}`;
  const [present, next] = await Promise.all([
    tryGit(own, ['rev-parse', '--verify', '--quiet', local]),
    git(own, ['rev-parse', fetched]),
  ]);
  if (present === next) return name;
  const isCheckedOut = (await git(own, ['worktree', 'list', '--porcelain'])).split('\n').includes(`branch ${local}`);
  const losesCommits =
    present !== undefined && (await tryGit(own, ['merge-base', '--is-ancestor', present, next])) === undefined;
  if (isCheckedOut || losesCommits) return fetched;
  await git(own, ['update-ref', '-m', 'plan42: fetch', local, next, present ?? '']);
  return name;
}

/** Sends commits that the user has added to the branch of a task, for its next turn. */
export async function pushOwnCommits(
  remote: HostedRemote,
  refs: TaskRefs | undefined,
  featureBranch: string,
): Promise<boolean> {
  const name = await localBranchName(remote.git, featureBranch);
  const local = await tryGit(remote.git, ['rev-parse', '--verify', '--quiet', `refs/heads/${name}`]);
  if (local === undefined || refs === undefined) return false;
  const fetched = await git(remote.git, ['rev-parse', refs.branch]);
  if (local === fetched) return false;
  if ((await tryGit(remote.git, ['merge-base', '--is-ancestor', fetched, local])) === undefined) return false;
  await pushCommit(remote, local, featureBranch);
  return true;
}

async function run({ git: own, options }: HostedRemote, args: readonly string[], what: string): Promise<string> {
  try {
    return await git(own, [...options, ...args]);
  } catch (error) {
    throw error instanceof GitError ? explainGit(error, what) : error;
  }
}
