import { ApiError } from '../../../plan42/errors.ts';
import type { FileClient } from '../../../plan42/file-client.ts';
import type { CliContext } from '../../context.ts';
import { type FileToUpload, readFileToUpload } from './read.ts';

/** Reads the files of `--file`, before anything is created on the server. @throws UserError */
export function readAttachments(context: CliContext, paths: readonly string[] = []): Promise<FileToUpload[]> {
  return Promise.all(paths.map((path) => readFileToUpload(context, path)));
}

/** Uploads files, and makes a call with their IDs. They are deleted again if the server rejects it. */
export async function withUploads<T>(
  files: FileClient,
  attached: readonly FileToUpload[],
  call: (ids: readonly string[]) => Promise<T>,
): Promise<T> {
  const ids: string[] = [];
  try {
    for (const { name, content } of attached) ids.push(await files.upload(name, content));
    return await call(ids);
  } catch (error) {
    // Without a response, the server may have made the call.
    if (error instanceof ApiError && error.status < 500) for (const id of ids) await files.delete(id).catch(() => {});
    throw error;
  }
}
