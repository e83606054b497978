import { UserError } from '../../../lib/errors.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminTask, AdminTurn } from '../../../plan42/admin-objects.ts';
import { ApiError } from '../../../plan42/errors.ts';

/** Returns the latest turn of a task; undefined for a task of a workstream that has not started. */
export async function findLastTurn(
  client: AdminClient,
  { TaskId }: Pick<AdminTask, 'TaskId'>,
): Promise<AdminTurn | undefined> {
  return await undefinedIfMissing(client.getTurn(TaskId, 'last'));
}

/** Returns the latest turn of a task. @throws UserError if the task has none yet */
export async function lastTurnOf(client: AdminClient, task: Pick<AdminTask, 'TaskId'>): Promise<AdminTurn> {
  const turn = await findLastTurn(client, task);
  if (turn) return turn;
  throw new UserError(`task ${task.TaskId} has not started, so it has no turn yet`, {
    remedy:
      'Resume its workstream, and wait until the tasks above it are completed: see "plan42 server workstream list".',
  });
}

/** Returns a turn of a task, by default the latest. @throws UserError if the task does not have it */
export async function turnOf(client: AdminClient, task: AdminTask, index: number | undefined): Promise<AdminTurn> {
  if (index === undefined) return await lastTurnOf(client, task);
  const turn = await undefinedIfMissing(client.getTurn(task.TaskId, index));
  if (turn) return turn;
  throw new UserError(`task ${task.TaskId} has no turn ${index}`, {
    remedy: `To list its turns, run "plan42 server turn list ${task.TaskId}".`,
  });
}

async function undefinedIfMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}
