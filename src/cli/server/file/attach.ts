import type { FileClient } from '../../../plan42/file-client.ts';
import type { CliContext } from '../../context.ts';
import { type FileToUpload, readFileToUpload } from './read.ts';

/** Reads the files of `--file`, before anything is created on the server. @throws UserError */
export function readAttachments(context: CliContext, paths: readonly string[] = []): Promise<FileToUpload[]> {
  return Promise.all(paths.map((path) => readFileToUpload(context, path)));
}

/** Uploads files, and returns their IDs. */
export async function uploadAttachments(files: FileClient, attached: readonly FileToUpload[]): Promise<string[]> {
  const ids: string[] = [];
  for (const { name, content } of attached) ids.push(await files.upload(name, content));
  return ids;
}
