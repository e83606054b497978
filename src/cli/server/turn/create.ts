import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminTask, AdminTurn } from '../../../plan42/admin-objects.ts';
import { isTerminalStatus } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { readAttachments, withUploads } from '../file/attach.ts';
import { followTurn, throwIfFailed } from '../follow-turn.ts';
import type { LocationOptions } from '../location.ts';
import { type PromptOptions, readPrompt } from '../prompt.ts';
import { findTask } from '../task/find.ts';
import { lastTurnOf } from '../task/last-turn.ts';
import { serverWords, type TaskWords } from '../task-words.ts';
import { withServer } from '../with-server.ts';

export interface CreateTurnOptions extends LocationOptions, PromptOptions {
  file?: string[];
  follow?: boolean;
  json?: boolean;
}

/** Makes a call with the IDs of files. */
type WithFiles = (create: (fileIds: readonly string[]) => Promise<AdminTurn>) => Promise<AdminTurn>;

/** Adds a turn. @throws UserError if the latest one is not finished */
export async function addTurn(
  client: AdminClient,
  task: AdminTask,
  prompt: string,
  words: TaskWords = serverWords,
  withFiles: WithFiles = (create) => create([]),
): Promise<AdminTurn> {
  const last = await lastTurnOf(client, task);
  if (!isTerminalStatus(last.Status)) {
    throw new UserError(`turn ${last.TurnIndex} is not finished yet: ${printableLine(last.Status)}`, {
      remedy: `Wait for it with "${words.task} follow ${task.TaskId}", or cancel it with "${words.task} cancel ${task.TaskId}".`,
    });
  }
  return withFiles((fileIds) => client.createTurn(task, last.TurnIndex + 1, prompt, fileIds));
}

/** Adds a turn to a task whose latest turn is finished. */
export async function createTurn(context: CliContext, id: string, options: CreateTurnOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const prompt = await readPrompt(context, options);
  const attached = await readAttachments(context, options.file);
  await withServer(context, options, async ({ client, files }) => {
    const task = await findTask(client, id);
    const created = await addTurn(client, task, prompt, serverWords, (create) => withUploads(files, attached, create));
    if (!options.json) stderr.write(`Turn ${created.TurnIndex} of task ${created.TaskId} created.\n`);
    const turn = options.follow ? await followTurn(context, client, created, options.json ? stderr : stdout) : created;
    if (options.json) await print(stdout, renderJson(turn), signal);
    if (options.follow) await throwIfFailed(client, turn);
  });
}
