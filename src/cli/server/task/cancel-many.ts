import { ExitCode, UserError } from '../../../lib/errors.ts';
import { mapConcurrently } from '../../../lib/map-concurrently.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminTask } from '../../../plan42/admin-objects.ts';
import { isTerminalStatus } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { cancelTask, cancelTurn } from './cancel.ts';
import { filterTasks, type TaskFilter } from './filter.ts';
import { findTask } from './find.ts';
import { findLastTurn } from './last-turn.ts';

export interface CancelTasksOptions extends LocationOptions, TaskFilter {
  all?: boolean;
}

const atOnce = 8;

/** Cancels the latest turns of the named tasks, or of all unfinished ones that pass the filter. */
export async function cancelTasks(context: CliContext, ids: readonly string[], options: CancelTasksOptions) {
  const isFiltered = options.all || options.state !== undefined || options.search !== undefined;
  if (isFiltered === ids.length > 0) {
    const remedy = 'Give task IDs, or --all, --state or --search.';
    const problem = isFiltered ? 'IDs cannot be used with --all, --state or --search' : 'no task given';
    throw new UserError(problem, { remedy, exitCode: ExitCode.usage });
  }
  const [only, ...others] = ids;
  if (only !== undefined && others.length === 0) return await cancelTask(context, only, options);
  const count = await callServer(context, options, async ({ client }) => {
    const tasks = ids.length > 0 ? await findAll(client, ids) : filterTasks(await client.listTasks(), options);
    const unfinished = tasks.filter(({ LastTurnStatus }) => !isTerminalStatus(LastTurnStatus));
    const cancelled = await mapConcurrently(unfinished, atOnce, context.signal, (task) =>
      cancelUnlessFinished(client, task),
    );
    return cancelled.filter(Boolean).length;
  });
  const effect = count === 0 ? '' : ' Their runners stop the agents within a minute.';
  context.stderr.write(`${count === 1 ? '1 task' : `${count} tasks`} cancelled.${effect}\n`);
}

async function findAll(client: AdminClient, ids: readonly string[]): Promise<AdminTask[]> {
  const found = new Map<string, AdminTask>();
  for (const id of ids) {
    const task = await findTask(client, id);
    found.set(task.TaskId, task);
  }
  return [...found.values()];
}

async function cancelUnlessFinished(client: AdminClient, task: AdminTask): Promise<boolean> {
  const turn = await findLastTurn(client, task);
  if (!turn || isTerminalStatus(turn.Status)) return false;
  try {
    await cancelTurn(client, turn);
    return true;
  } catch (error) {
    // It has finished in the meantime.
    if (error instanceof UserError) return false;
    throw error;
  }
}
