import { printableOutput } from '../../../lib/printable.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminTurn } from '../../../plan42/admin-objects.ts';
import type { CliContext } from '../../context.ts';
import { print } from '../../output.ts';
import { printTurnLog } from '../follow-turn.ts';
import type { LocationOptions } from '../location.ts';
import { findTask } from '../task/find.ts';
import { turnOf } from '../task/last-turn.ts';
import { withServer } from '../with-server.ts';

export interface TurnLogsOptions extends LocationOptions {
  follow?: boolean;
}

export async function printTurnLogs(
  context: CliContext,
  id: string,
  index: number | undefined,
  options: TurnLogsOptions,
): Promise<void> {
  await withServer(context, options, async ({ client }) => {
    const task = await findTask(client, id);
    const turn = await turnOf(client, task, index);
    if (options.follow) await printTurnLog(client, turn, context.stdout, context.signal);
    else await printCurrentLog(context, client, turn);
  });
}

// The API only has a stream, which stays open while the turn runs, so this stops at the entry that is the last one now.
async function printCurrentLog({ stdout, signal }: CliContext, client: AdminClient, turn: AdminTurn): Promise<void> {
  const lastIndex = await client.getLastLogIndex(turn.TaskId, turn.TurnIndex);
  if (lastIndex === undefined) return;
  for await (const entry of client.turnLogs(turn.TaskId, turn.TurnIndex, { signal })) {
    await print(stdout, `${printableOutput(entry.message)}\n`, signal);
    if (entry.index >= lastIndex) break;
  }
}
