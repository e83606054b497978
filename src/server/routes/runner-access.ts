/** The tasks that a runner may change: those whose environment uses a GitHub connection of this runner. */
import { isDeepStrictEqual } from 'node:util';
import type { RepoInfo, Task } from '../../plan42/objects.ts';
import { forbidden } from '../http/errors.ts';
import type { Principal } from '../http/route.ts';
import type { Store } from '../store/store.ts';

interface AccessDeps {
  store: Pick<Store, 'environments' | 'githubConnections' | 'tasks' | 'tenants'>;
}

/** Whether the principal may read and change the task. Limits only runners. */
export function mayUseTask({ store }: AccessDeps, principal: Principal, task: Task): boolean {
  if (principal.kind !== 'runner') return true;
  const { TenantId, EnvironmentId } = task;
  const environment = store.environments.find({ TenantId, EnvironmentId: EnvironmentId ?? '' });
  if (environment === undefined) return false;
  const { GithubConnectionId: named } = environment;
  const isDefault = named === '' || named === 'default';
  const ConnectionID = isDefault ? store.tenants.find({ TenantId })?.DefaultGithubConnectionID : named;
  const connection = store.githubConnections.find({ TenantID: TenantId, ConnectionID: ConnectionID ?? '' });
  return Boolean(connection?.Private && connection.RunnerID === principal.runnerId);
}

/**
 * Checks the task before everything else in a request, so that a runner learns nothing about other tasks.
 * @throws HttpError 403 for a runner without a connection of the task
 */
export function requireUseOfTask(
  deps: AccessDeps,
  principal: Principal,
  { tenantId: TenantId, taskId: TaskId }: { tenantId: string; taskId: string },
): void {
  if (principal.kind !== 'runner') return;
  const task = deps.store.tasks.find({ TenantId, TaskId });
  if (task !== undefined && mayUseTask(deps, principal, task)) return;
  throw forbidden('a runner may change only tasks whose environment uses its GitHub connection');
}

/**
 * A runner writes the states of pull requests. Only agents and users choose branches and repositories.
 * @throws HttpError 403 for a runner that changes anything else
 */
export function requirePullRequestChange(principal: Principal, task: Task, changes: Partial<Task>): void {
  if (principal.kind !== 'runner') return;
  const { RepoInfo: update = task.RepoInfo, ...others } = changes;
  const isLimited =
    Object.keys(others).length === 0 && isDeepStrictEqual(branchesOf(update), branchesOf(task.RepoInfo));
  if (!isLimited) throw forbidden('a runner may change only the pull requests in RepoInfo');
}

function branchesOf(repos: Readonly<Record<string, RepoInfo>>): object {
  return Object.fromEntries(
    Object.entries(repos).map(([repo, { FeatureBranch, TargetBranch }]) => [repo, [FeatureBranch, TargetBranch]]),
  );
}
