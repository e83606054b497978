/** Repositories that the embedded server keeps itself. An environment names one `local/NAME`. */
import { pathSegment } from './path-segment.ts';

const prefix = 'local/';

/** The user name of HTTP Basic, by which git authenticates. The server ignores it; the password is the token. */
export const gitUser = 'plan42';

/**
 * Whether a hosted repository can have this name. Capitals are not allowed, because some file systems do not distinguish
 * them.
 */
export function isRepositoryName(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,99}$/.test(name) && !name.includes('..') && !/\.(git|lock)?$/.test(name);
}

/** The name of a hosted repository in the list of an environment; undefined for a repository of another server. */
export function hostedName(repo: string): string | undefined {
  const name = repo.startsWith(prefix) ? repo.slice(prefix.length) : '';
  return isRepositoryName(name) ? name : undefined;
}

/** How an environment names a hosted repository. */
export function hostedRepo(name: string): string {
  return prefix + name;
}

/** The path of a hosted repository, for git, below the URL of the server. */
export function repositoryPath(tenantId: string, name: string): string {
  return `/v1/tenants/${pathSegment(tenantId)}/repos/${pathSegment(name)}.git`;
}

/** The branch with the commit that a task starts from, in a hosted repository. It is removed with the task. */
export function baseBranchOf(taskId: string): string {
  return `plan42-base/${taskId.slice(0, 8)}`;
}

/** The branch for the work of a turn that conflicts with another commit on the feature branch. */
export function conflictBranch(featureBranch: string, turnIndex: number): string {
  return `${featureBranch}-turn-${turnIndex}`;
}

/** Whether a branch has a name that only one task uses. It is removed with the task. */
export function isBranchOfTask(branch: string, taskId: string): boolean {
  const id = taskId.slice(0, 8);
  return branch === baseBranchOf(taskId) || (/^plan42\/[^/]+$/.test(branch) && branch.endsWith(id));
}
