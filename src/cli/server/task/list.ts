import { printableLine } from '../../../lib/printable.ts';
import type { AdminTask } from '../../../plan42/admin-objects.ts';
import { isTerminalStatus, taskWord } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import { formatElapsed, formatLocalTime, print, renderJson, terminalWidth } from '../../output.ts';
import { shortIds } from '../../short-ids.ts';
import { createStyle, statusStyle, wantsColor } from '../../style.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { wordsOf } from '../task-words.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';
import { filterTasks, type TaskFilter } from './filter.ts';

export interface ListTasksOptions extends LocationOptions, TaskFilter {
  json?: boolean;
}

/** Prints the tasks, newest first. */
export async function listTasks(context: CliContext, options: ListTasksOptions): Promise<void> {
  const { stdout, signal } = context;
  const all = await callServer(context, options, ({ client }) => client.listTasks());
  const tasks = filterTasks(all, options);
  tasks.sort((a, b) => Date.parse(b.CreatedAt) - Date.parse(a.CreatedAt) || a.TaskId.localeCompare(b.TaskId));
  if (options.json) return print(stdout, renderJson(tasks), signal);
  if (tasks.length === 0) {
    const create = `No tasks. Create one with "${wordsOf(options).newTask}".\n`;
    context.stderr.write(all.length > 0 ? 'No task matches.\n' : withLocation(create, options));
    return;
  }
  await print(stdout, renderTasks(context, tasks), signal);
}

// Only servers that know the machines of turns have it.
const machine = {
  title: 'MACHINE',
  cell: (task: AdminTask) => printableLine(task.LastTurnMachine ?? ''),
  flexible: true,
};

function renderTasks(context: CliContext, tasks: readonly AdminTask[]): string {
  const { stdout } = context;
  const idOf = shortIds(tasks.map((task) => task.TaskId));
  const colored = statusStyle(createStyle(wantsColor(stdout, context)));
  return renderTable(
    tasks,
    [
      { title: 'TASK', cell: (task) => printableLine(idOf(task.TaskId)) },
      { title: 'TITLE', cell: (task) => printableLine(task.Title), flexible: true },
      { title: 'TURN', cell: (task) => String(task.LastTurnIndex ?? '') },
      { title: 'STATE', cell: (task) => printableLine(taskWord(task)), style: colored },
      ...(tasks.some((task) => task.LastTurnMachine) ? [machine] : []),
      { title: 'CREATED', cell: (task) => printableLine(formatLocalTime(task.CreatedAt, { seconds: true })) },
      { title: 'ELAPSED', cell: elapsedOf },
    ],
    terminalWidth(stdout),
  );
}

/** The time from the task's creation until its last turn ended, or until now. A task that awaits review has ended turns. */
export function elapsedOf({
  CreatedAt,
  UpdatedAt,
  State,
  LastTurnStatus,
}: Pick<AdminTask, 'CreatedAt' | 'UpdatedAt' | 'State' | 'LastTurnStatus'>): string {
  return formatElapsed(CreatedAt, isTerminalStatus(LastTurnStatus ?? State) ? UpdatedAt : undefined);
}
