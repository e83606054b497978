import { printableLine } from '../../../lib/printable.ts';
import type { AdminTask, AdminWorkstream } from '../../../plan42/admin-objects.ts';
import { taskWord } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson, terminalWidth } from '../../output.ts';
import { shortIds } from '../../short-ids.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';
import { findWorkstream } from './find.ts';

export interface ShowWorkstreamOptions extends LocationOptions {
  json?: boolean;
}

export async function showWorkstream(context: CliContext, text: string, options: ShowWorkstreamOptions): Promise<void> {
  const { stdout, signal } = context;
  const { workstream, tasks } = await callServer(context, options, async ({ workstreams }) => {
    const found = await findWorkstream(workstreams, text);
    return { workstream: found, tasks: await workstreams.listTasks(found) };
  });
  if (options.json) return print(stdout, renderJson({ Workstream: workstream, Tasks: tasks }), signal);
  const { Name, Description, WorkstreamId, Paused } = workstream;
  const facts = [
    ['Workstream', WorkstreamId],
    ['Name', Name],
    ['About', Description ?? ''],
    ['State', Paused ? 'paused: no task starts until you resume it' : 'running'],
  ] as const;
  const heading = facts
    .filter(([, value]) => value !== '')
    .map(([title, value]) => `${title.padEnd(10)}  ${printableLine(value)}\n`);
  await print(
    stdout,
    `${heading.join('')}\n${tasks.length === 0 ? withLocation(noTasks, options) : tableOf(workstream, tasks, terminalWidth(stdout))}`,
    signal,
  );
}

const noTasks = 'No tasks. Add one with "plan42 server task create --workstream".\n';

function tableOf(
  { DefaultShortName }: AdminWorkstream,
  tasks: readonly AdminTask[],
  width: number | undefined,
): string {
  const prefix = DefaultShortName ? `${DefaultShortName}-` : '';
  const idOf = shortIds(tasks.map(({ TaskId }) => TaskId));
  return renderTable(
    tasks,
    [
      { title: 'NUMBER', cell: ({ TaskNumber }) => printableLine(`${prefix}${TaskNumber ?? ''}`) },
      { title: 'TASK', cell: ({ TaskId }) => printableLine(idOf(TaskId)) },
      { title: 'TITLE', cell: ({ Title }) => printableLine(Title), flexible: true },
      { title: 'FOR', cell: ({ AssignedToAI }) => (AssignedToAI ? 'agent' : 'people') },
      { title: 'STATE', cell: (task) => printableLine(taskWord(task)) },
    ],
    width,
  );
}
