import { conflictBranch, hostedName, isBranchOfTask } from '../../plan42/hosted-repositories.ts';
import type { RepoInfo, Task } from '../../plan42/objects.ts';

type TaskBranches = Pick<Task, 'TaskId' | 'RepoInfo'>;

/**
 * Whether an agent may push to a branch of a hosted repository: the feature branch of its task. If the task has none yet,
 * the agent chooses a name that only this task uses.
 */
export function mayAgentPush({ TaskId, RepoInfo }: TaskBranches, repo: string, branch: string): boolean {
  const { FeatureBranch = '', TargetBranch = '' } = RepoInfo[repo] ?? {};
  if (branch === '' || branch === TargetBranch) return false;
  return FeatureBranch === ''
    ? branch.startsWith('plan42/') && isBranchOfTask(branch, TaskId)
    : branch === FeatureBranch;
}

/**
 * Whether an agent may push to a branch during a turn. If another commit on the feature branch conflicts with the turn, its
 * work is on a branch of its own.
 */
export function mayTurnPush(task: TaskBranches, repo: string, branch: string, turnIndex: number): boolean {
  const suffix = conflictBranch('', turnIndex);
  const feature = branch.endsWith(suffix) ? branch.slice(0, -suffix.length) : '';
  const isTarget = branch === task.RepoInfo[repo]?.TargetBranch;
  return mayAgentPush(task, repo, branch) || (!isTarget && mayAgentPush(task, repo, feature));
}

/**
 * Returns a repository that an agent must not add to its task, because its next turn could then read it and push to it;
 * undefined if there is none.
 * @param named the repositories of the task's environment
 */
export function findForeignRepository(
  task: TaskBranches,
  update: Readonly<Record<string, RepoInfo>>,
  named: readonly string[],
): string | undefined {
  return Object.keys(update).find((repo) => !Object.hasOwn(task.RepoInfo, repo) && !named.includes(repo));
}

/**
 * Returns the repository whose branches an agent must not change as in this update, because it could then push to them;
 * undefined if the update is allowed. The server itself limits the pushes to hosted repositories.
 * @param areOthersLimited whether something else limits the pushes to other repositories by the branches of the task
 */
export function forbiddenBranchChange(
  task: TaskBranches,
  update: Readonly<Record<string, RepoInfo>>,
  areOthersLimited: boolean,
): string | undefined {
  const repos = new Set([...Object.keys(task.RepoInfo), ...Object.keys(update)]);
  return [...repos].find((repo) => {
    if (hostedName(repo) === undefined && !areOthersLimited) return false;
    const { FeatureBranch = '', TargetBranch = '' } = task.RepoInfo[repo] ?? {};
    const next = update[repo];
    const keepsTarget = TargetBranch === '' || TargetBranch === next?.TargetBranch;
    const nextFeature = next?.FeatureBranch ?? '';
    return !keepsTarget || (nextFeature !== FeatureBranch && !mayAgentPush(task, repo, nextFeature));
  });
}
