import { basename, resolve } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { readBytes } from '../../../lib/read-body.ts';
import * as files from '../../../lib/read-file.ts';
import { maxFileBytes } from '../../../plan42/file-client.ts';
import type { CliContext } from '../../context.ts';

export interface FileToUpload {
  name: string;
  content: Buffer;
}

/** Reads a file that is to be uploaded; `-` is standard input. @throws UserError if it cannot be read, is empty or too large */
export async function readFileToUpload(
  { stdin, signal }: CliContext,
  path: string,
  name?: string,
): Promise<FileToUpload> {
  if (path === '-' && name === undefined) {
    const remedy = 'Name it with --name NAME.';
    throw new UserError('standard input has no name', { remedy, exitCode: ExitCode.usage });
  }
  const content = await read(path, { stdin, signal });
  if (content.length === 0) {
    throw new UserError(`cannot upload ${path}: it is empty`, { remedy: 'Choose a file with content.' });
  }
  return { name: name ?? basename(resolve(path)), content };
}

async function read(path: string, { stdin, signal }: Pick<CliContext, 'stdin' | 'signal'>): Promise<Buffer> {
  try {
    if (path === '-') return await readBytes(bytesOf(addAbortSignal(signal, stdin)), maxFileBytes);
    return await files.readBytes(path, { maxBytes: maxFileBytes, signal });
  } catch (error) {
    signal.throwIfAborted();
    const remedy = 'Choose a readable file of at most 30 MiB.';
    throw new UserError(`cannot upload ${path}`, { remedy, cause: files.readFailure(error) });
  }
}

// A stream with an encoding has texts.
async function* bytesOf(stream: Readable): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of stream) yield Buffer.from(chunk as string | Uint8Array);
}
