import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { formatError } from '../lib/errors.ts';
import { fileName } from '../lib/file-name.ts';
import { createFile } from '../lib/files.ts';
import type { TurnApi } from './turn/api.ts';
import type { AgentRequest } from './turn/request.ts';

export interface AttachmentDeps {
  request: Pick<AgentRequest, 'fileIds'>;
  api: Pick<TurnApi, 'file' | 'download'>;
  /** The folder that contains the clones. */
  workspace: string;
  log: (line: string) => void;
  signal: AbortSignal;
}

/**
 * Downloads the files of the task into a folder beside the clones, so that they are not committed. Returns their paths. A file
 * that cannot be had is logged, and the turn goes on without it.
 */
export async function fetchAttachments({ request, api, workspace, log, signal }: AttachmentDeps): Promise<string[]> {
  const folder = join(workspace, 'attachments');
  const paths: string[] = [];
  // An earlier turn in the same workspace may have left some.
  await rm(folder, { recursive: true, force: true });
  for (const id of request.fileIds) {
    signal.throwIfAborted();
    try {
      const { status, body } = await api.file(id, 'download-url');
      const { DownloadURL, Name, Message } = body;
      if (status !== 200 || typeof DownloadURL !== 'string') throw new Error(`${status} ${textOf(Message)}`);
      const content = await api.download(DownloadURL, signal);
      await mkdir(folder, { recursive: true });
      const path = join(folder, uniqueName(fileName(textOf(Name)), paths));
      await createFile(path, content);
      paths.push(path);
    } catch (error) {
      signal.throwIfAborted();
      log(`The file ${id} of the task could not be downloaded: ${formatError(error)}`);
    }
  }
  if (paths.length > 0) log(`Downloaded ${paths.map((path) => basename(path)).join(', ')}`);
  return paths;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function uniqueName(name: string, paths: readonly string[]): string {
  const isTaken = (other: string) => paths.some((path) => basename(path) === other);
  if (!isTaken(name)) return name;
  return `${paths.length + 1}-${name}`;
}
