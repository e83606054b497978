import { ExitCode, UserError } from '../../../lib/errors.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { readFileToUpload } from './read.ts';

export interface UploadFilesOptions extends LocationOptions {
  name?: string;
  json?: boolean;
}

export async function uploadFiles(
  context: CliContext,
  paths: readonly string[],
  options: UploadFilesOptions,
): Promise<void> {
  const { stdout, signal } = context;
  if (options.name !== undefined && paths.length > 1) {
    const remedy = 'Upload one file at a time, or omit --name.';
    throw new UserError('--name is for one file', { remedy, exitCode: ExitCode.usage });
  }
  for (const path of paths) {
    const { name, content } = await readFileToUpload(context, path, options.name);
    const uploaded = await callServer(context, options, async ({ files }) => {
      const id = await files.upload(name, content);
      return options.json ? await files.get(id) : { FileID: id };
    });
    await print(stdout, options.json ? renderJson(uploaded) : `${uploaded.FileID}\n`, signal);
  }
}
