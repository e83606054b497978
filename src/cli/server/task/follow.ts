import type { CliContext } from '../../context.ts';
import { waitingReason } from '../../run/service/waiting-reason.ts';
import { followTurn, throwIfFailed } from '../follow-turn.ts';
import type { LocationOptions } from '../location.ts';
import { wordsOf } from '../task-words.ts';
import { withServer } from '../with-server.ts';
import { findTask } from './find.ts';
import { lastTurnOf } from './last-turn.ts';

/** Follows the task's latest turn until it is finished, and fails if the turn failed. */
export async function followTask(context: CliContext, id: string, options: LocationOptions): Promise<void> {
  await withServer(context, options, async ({ client }) => {
    const task = await findTask(client, id, wordsOf(options));
    const turn = await lastTurnOf(client, task);
    const finished = await followTurn(context, client, turn, context.stdout, (signal) =>
      waitingReason(context, options, signal),
    );
    await throwIfFailed(client, finished, wordsOf(options));
  });
}
