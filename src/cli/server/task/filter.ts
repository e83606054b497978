import { type Command, Option } from 'commander';
import type { AdminTask } from '../../../plan42/admin-objects.ts';
import type { TaskState } from '../../../plan42/objects.ts';
import { taskWord } from '../../../plan42/turn-status.ts';

/** The options that select tasks. */
export interface TaskFilter {
  state?: keyof typeof states;
  search?: string;
}

const states = {
  pending: 'Pending',
  executing: 'Executing',
  review: 'Awaiting Code Review',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
} as const satisfies Record<string, TaskState | 'Cancelled'>;

export function withTaskFilter(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'only tasks in this state').choices(Object.keys(states)))
    .option('--search <text>', 'only tasks with this text in title, prompt, ID, repositories or machine');
}

/** Returns the tasks that pass the filter, like a search on the web page. */
export function filterTasks(tasks: readonly AdminTask[], { state, search }: TaskFilter): AdminTask[] {
  const wanted = search?.trim().toLowerCase() ?? '';
  const textOf = ({ Title, Prompt, TaskId, RepoInfo, LastTurnMachine }: AdminTask) =>
    [Title, Prompt ?? '', TaskId, JSON.stringify(RepoInfo ?? {}), LastTurnMachine ?? ''].join('\n').toLowerCase();
  return tasks.filter(
    (task) =>
      (state === undefined || taskWord(task) === states[state]) && (wanted === '' || textOf(task).includes(wanted)),
  );
}
