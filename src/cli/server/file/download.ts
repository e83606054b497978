import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, formatError, UserError } from '../../../lib/errors.ts';
import { fileName } from '../../../lib/file-name.ts';
import { createFile, writeDurably } from '../../../lib/files.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { findFile } from './find.ts';

export interface DownloadFileOptions extends LocationOptions {
  force?: boolean;
}

/** Writes a file to `path`, to standard output if that is `-`, or under its own name into a folder, by default the current one. */
export async function downloadFile(
  context: CliContext,
  id: string,
  path: string | undefined,
  options: DownloadFileOptions,
): Promise<void> {
  const { name, content } = await callServer(context, options, async ({ files }) =>
    files.download((await findFile(files, id)).FileID),
  );
  if (path === '-') {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    context.stdout.write(content, (error) => (error ? reject(error) : resolve()));
    return await promise;
  }
  // The name is from another person, or from an agent.
  const isFolder = path !== undefined && (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const target = path === undefined || isFolder ? join(path ?? '', fileName(name)) : path;
  await save(target, content, options.force === true);
  context.stderr.write(`${printableLine(`Saved ${target}`)}\n`);
}

async function save(path: string, content: Buffer, force: boolean): Promise<void> {
  try {
    await (force ? writeDurably(path, content) : createFile(path, content));
  } catch (error) {
    if (errorCode(error) === 'EEXIST') {
      throw new UserError(`${path} exists`, { remedy: 'Give another path, or --force to replace it.' });
    }
    throw new UserError(`cannot write ${path}: ${formatError(error)}`, { remedy: 'Give another path.', cause: error });
  }
}
