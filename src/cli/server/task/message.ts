import { randomUUID } from 'node:crypto';
import { UserError } from '../../../lib/errors.ts';
import { isTerminalStatus, isUnsent } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import type { LocationOptions } from '../location.ts';
import { readText } from '../prompt.ts';
import { wordsOf } from '../task-words.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';
import { findTask } from './find.ts';
import { lastTurnOf } from './last-turn.ts';

export interface MessageOptions extends LocationOptions {
  file?: string;
  json?: boolean;
}

/** Sends a message to the agent of the task's latest turn. @throws UserError if the turn is finished */
export async function sendMessage(
  context: CliContext,
  id: string,
  parts: readonly string[],
  options: MessageOptions,
): Promise<void> {
  const text = await readText(context, parts, options.file, 'message');
  const words = wordsOf(options);
  const { turn, message } = await callServer(context, options, async ({ client }) => {
    const task = await findTask(client, id, words);
    const turn = await lastTurnOf(client, task);
    if (isTerminalStatus(turn.Status)) {
      throw new UserError(`turn ${turn.TurnIndex} of task ${turn.TaskId} is finished, so its agent reads no messages`, {
        remedy: `Start the next turn: ${words.nextTurn(turn.TaskId)}`,
      });
    }
    return { turn, message: await client.sendMessage(turn, randomUUID(), text) };
  });
  if (options.json) return print(context.stdout, renderJson(message), context.signal);
  const wait = isUnsent(turn) ? ' It gets the message when it starts.' : '';
  const follow = `Follow its answer: ${words.task} follow ${turn.TaskId.slice(0, 8)}`;
  context.stderr.write(
    `Message sent to the agent of turn ${turn.TurnIndex}.${wait}\n${withLocation(follow, options)}\n`,
  );
}
