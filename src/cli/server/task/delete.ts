import { UserError } from '../../../lib/errors.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import { AdminTask, type AdminTurn } from '../../../plan42/admin-objects.ts';
import { currentOf } from '../../../plan42/errors.ts';
import { isTerminalStatus } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { cancelTurn } from './cancel.ts';
import { findTask } from './find.ts';
import { findLastTurn } from './last-turn.ts';

export interface DeleteTaskOptions extends LocationOptions {
  force?: boolean;
}

/** Deletes tasks, or none if one of them is not found or still running. */
export async function deleteTasks(context: CliContext, ids: readonly string[], options: DeleteTaskOptions) {
  await callServer(context, options, async ({ client }) => {
    const tasks = new Map<string, AdminTask>();
    for (const id of ids) {
      const task = await findTask(client, id);
      tasks.set(task.TaskId, task);
    }
    const unfinished = new Map<string, AdminTurn>();
    for (const { TaskId } of tasks.values()) {
      const turn = await findLastTurn(client, { TaskId });
      if (turn && !isTerminalStatus(turn.Status)) unfinished.set(TaskId, turn);
    }
    if (!options.force) requireFinished([...unfinished.keys()]);
    for (const task of tasks.values()) {
      const turn = unfinished.get(task.TaskId);
      if (turn) await cancelUnlessFinished(client, turn);
      await deleteTask(client, task);
      context.stderr.write(`Task ${task.TaskId} deleted.\n`);
    }
  });
}

function requireFinished([taskId]: readonly string[]): void {
  if (taskId === undefined) return;
  throw new UserError(`task ${taskId} is not finished`, {
    remedy: 'Wait for it, or add --force to cancel it. No task was deleted.',
  });
}

async function cancelUnlessFinished(client: AdminClient, turn: AdminTurn): Promise<void> {
  try {
    await cancelTurn(client, turn);
  } catch (error) {
    // It has finished in the meantime.
    if (!(error instanceof UserError)) throw error;
  }
}

/** The agent may have updated the task in the meantime. */
async function deleteTask(client: AdminClient, task: AdminTask): Promise<void> {
  try {
    await client.deleteTask(task);
  } catch (error) {
    const current = currentOf(error, AdminTask);
    if (current === undefined) throw error;
    await client.deleteTask(current);
  }
}
