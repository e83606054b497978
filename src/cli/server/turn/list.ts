import { printableLine } from '../../../lib/printable.ts';
import type { AdminTask, AdminTurn } from '../../../plan42/admin-objects.ts';
import { turnWord } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import { formatElapsed, formatLocalTime, print, renderJson, terminalWidth } from '../../output.ts';
import { createStyle, statusStyle, wantsColor } from '../../style.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { findTask } from '../task/find.ts';
import { callServer } from '../with-server.ts';

export interface ListTurnsOptions extends LocationOptions {
  json?: boolean;
}

/** Prints the turns of a task, oldest first. */
export async function listTurns(context: CliContext, id: string, options: ListTurnsOptions): Promise<void> {
  const { stdout, signal } = context;
  const { task, turns } = await callServer(context, options, async ({ client }) => {
    const found = await findTask(client, id);
    return { task: found, turns: await client.listTurns(found.TaskId) };
  });
  turns.sort((a, b) => a.TurnIndex - b.TurnIndex);
  await print(stdout, options.json ? renderJson(turns) : renderTurns(context, task, turns), signal);
}

function renderTurns(context: CliContext, task: AdminTask, turns: readonly AdminTurn[]): string {
  const { stdout } = context;
  const colored = statusStyle(createStyle(wantsColor(stdout, context)));
  const time = (at: string | null | undefined) => (at ? printableLine(formatLocalTime(at, { seconds: true })) : '');
  return renderTable(
    turns,
    [
      { title: 'TURN', cell: ({ TurnIndex }) => String(TurnIndex) },
      {
        title: 'STATUS',
        cell: (turn) => printableLine(turnWord(turn, task)),
        style: colored,
        flexible: true,
      },
      { title: 'MACHINE', cell: ({ Machine }) => printableLine(Machine ?? ''), flexible: true },
      { title: 'CREATED', cell: ({ CreatedAt }) => time(CreatedAt) },
      { title: 'COMPLETED', cell: ({ CompletedAt }) => time(CompletedAt) },
      { title: 'ELAPSED', cell: ({ CreatedAt, CompletedAt }) => formatElapsed(CreatedAt, CompletedAt) },
    ],
    terminalWidth(stdout),
  );
}
