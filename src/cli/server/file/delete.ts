import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { findFile } from './find.ts';

/** Deletes files, or none if one of them is not found. */
export async function deleteFiles(
  context: CliContext,
  ids: readonly string[],
  options: LocationOptions,
): Promise<void> {
  const deleted = await callServer(context, options, async ({ files }) => {
    const found = new Set<string>();
    for (const id of ids) found.add((await findFile(files, id)).FileID);
    for (const id of found) await files.delete(id);
    return [...found];
  });
  for (const id of deleted) context.stderr.write(`File ${id} deleted.\n`);
}
