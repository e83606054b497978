import { isUuid } from '../../../lib/uuid.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminTask } from '../../../plan42/admin-objects.ts';
import { ApiError } from '../../../plan42/errors.ts';
import { pickByPrefix } from '../../short-ids.ts';
import { serverWords, type TaskWords } from '../task-words.ts';

/**
 * The task with this ID or ID prefix.
 * @throws UserError if there is none, or more than one.
 */
export async function findTask(
  client: AdminClient,
  idOrPrefix: string,
  words: TaskWords = serverWords,
): Promise<AdminTask> {
  const candidates = isUuid(idOrPrefix) ? await getIfExists(client, idOrPrefix) : await client.listTasks();
  return pickByPrefix(candidates, (task) => task.TaskId, idOrPrefix, {
    kind: 'task',
    listCommand: `${words.task} list`,
  });
}

async function getIfExists(client: AdminClient, id: string): Promise<AdminTask[]> {
  try {
    return [await client.getTask(id.toLowerCase())];
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}
