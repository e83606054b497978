import * as v from 'valibot';
import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import { AdminTurn } from '../../../plan42/admin-objects.ts';
import { ApiError } from '../../../plan42/errors.ts';
import { isTerminalStatus } from '../../../plan42/objects/turn-status.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { askServer } from '../with-server.ts';
import { findTask } from './find.ts';

/** Ends the latest turn as failed; its agent notices with its next call. */
export async function cancelTask(context: CliContext, id: string, options: LocationOptions): Promise<void> {
  const turn = await askServer(context, options, async ({ client }) => {
    const task = await findTask(client, id);
    return failTurn(client, await client.getTurn(task.TaskId, 'last'));
  });
  context.stderr.write(
    `Turn ${turn.TurnIndex} of task ${turn.TaskId} is cancelled. Its agent notices with its next call; until then it goes on.\n`,
  );
}

// The agent writes to the turn all the time, so the version we know may be old at once.
const maxTries = 5;

async function failTurn(client: AdminClient, turn: AdminTurn, triesLeft = maxTries): Promise<AdminTurn> {
  if (isTerminalStatus(turn.Status)) {
    throw new UserError(`turn ${turn.TurnIndex} of task ${turn.TaskId} is already over: ${printableLine(turn.Status)}`);
  }
  try {
    return await client.updateTurn(turn, { Status: 'Failed', ErrorMessage: 'cancelled by user' });
  } catch (error) {
    const current =
      error instanceof ApiError && error.status === 409 ? v.safeParse(AdminTurn, error.current) : undefined;
    if (triesLeft > 1 && current?.success) return failTurn(client, current.output, triesLeft - 1);
    throw error;
  }
}
