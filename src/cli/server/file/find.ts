import { isUuid } from '../../../lib/uuid.ts';
import type { AdminFile } from '../../../plan42/admin-objects.ts';
import { ApiError } from '../../../plan42/errors.ts';
import type { FileClient } from '../../../plan42/file-client.ts';
import { pickByPrefix } from '../../short-ids.ts';

/** Returns the file with this ID or ID prefix. @throws UserError if there is none, or more than one */
export async function findFile(files: FileClient, idOrPrefix: string): Promise<AdminFile> {
  const candidates = isUuid(idOrPrefix) ? await getIfExists(files, idOrPrefix.toLowerCase()) : await files.list();
  return pickByPrefix(candidates, ({ FileID }) => FileID, idOrPrefix, {
    kind: 'file',
    listCommand: 'plan42 server file list',
  });
}

async function getIfExists(files: FileClient, id: string): Promise<AdminFile[]> {
  try {
    return [await files.get(id)];
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}
