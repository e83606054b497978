import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import { AdminTurn } from '../../../plan42/admin-objects.ts';
import { currentOf } from '../../../plan42/errors.ts';
import { isTerminalStatus, isUnsent, turnWord } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { wordsOf } from '../task-words.ts';
import { callServer } from '../with-server.ts';
import { findTask } from './find.ts';
import { lastTurnOf } from './last-turn.ts';

/** Sets the latest turn to failed. Its runner sees that and stops the agent. */
export async function cancelTask(context: CliContext, id: string, options: LocationOptions): Promise<void> {
  const [before, turn] = await callServer(context, options, async ({ client }) => {
    const task = await findTask(client, id, wordsOf(options));
    const last = await lastTurnOf(client, task);
    return [last, await cancelTurn(client, last)];
  });
  // A runner may have got it in between.
  const wasNeverSent = isUnsent(before) && isUnsent({ ...turn, Status: before.Status });
  const consequence = wasNeverSent ? 'No runner had it yet.' : 'Its runner stops the agent within a minute.';
  context.stderr.write(`Turn ${turn.TurnIndex} of task ${turn.TaskId} cancelled. ${consequence}\n`);
}

// The agent updates the turn continually, so a known version is soon outdated.
const maxAttempts = 5;

/** Sets a turn to failed. @throws UserError if it is finished */
export async function cancelTurn(client: AdminClient, turn: AdminTurn, attemptsLeft = maxAttempts): Promise<AdminTurn> {
  if (isTerminalStatus(turn.Status)) {
    throw new UserError(
      `turn ${turn.TurnIndex} of task ${turn.TaskId} is already finished: ${printableLine(turnWord(turn))}`,
    );
  }
  try {
    return await client.updateTurn(turn, { Status: 'Failed', ErrorMessage: 'cancelled by user' });
  } catch (error) {
    const current = currentOf(error, AdminTurn);
    if (attemptsLeft > 1 && current) return cancelTurn(client, current, attemptsLeft - 1);
    throw error;
  }
}
