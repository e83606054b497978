import type { EventTask } from '../../plan42/event-calls.ts';

/** Returns the entry of a repository, in any capitals: GitHub does not distinguish them. */
export function findRepo(
  task: EventTask,
  repo: string,
): readonly [name: string, info: NonNullable<NonNullable<EventTask['RepoInfo']>[string]>] | undefined {
  const entries = Object.entries(task.RepoInfo ?? {});
  return entries.find(([name]) => name === repo) ?? entries.find(([name]) => name.toLowerCase() === repo.toLowerCase());
}

/**
 * Leaves out tasks whose pull request with this ID is on another GitHub: the IDs of two servers can be the same.
 * @param link to the pull request; without it, all tasks stay
 */
export function onSameGithub(
  tasks: readonly EventTask[],
  pullRequestId: number,
  link: string | null | undefined,
): EventTask[] {
  const host = hostOf(link);
  const isElsewhere = ({ RepoInfo }: EventTask) =>
    Object.values(RepoInfo ?? {}).some(({ PRID, PRLink }) => {
      const linked = hostOf(PRLink);
      return PRID === String(pullRequestId) && linked !== undefined && linked !== host;
    });
  return host === undefined ? [...tasks] : tasks.filter((task) => !isElsewhere(task));
}

/**
 * Returns why no task is left.
 * @param found all tasks with the ID of the pull request, on any GitHub
 */
export function whyNoTask(found: readonly EventTask[]): string {
  return found.length === 0
    ? 'no task of the pull request'
    : 'the task with this pull request ID has a PRLink on another host';
}

function hostOf(link: string | null | undefined): string | undefined {
  return URL.parse(link ?? '')?.host;
}
