import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { createFile } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { readLogTail } from '../../shim/job-log.ts';
import type { JobPaths } from '../../shim/shim.ts';
import { type JobExit, type Runtime, RuntimeError } from '../runtime.ts';
import { checkImage } from './image.ts';
import { checkFolderPrefix, checkImagePrefix, checkJobPrefix } from './names.ts';
import { CheckReport, reportPrefix } from './script.ts';

export interface ContainerCheck {
  runtime: Runtime;
  serverUrl: URL;
  entrypoint: string;
  /** Files are created in a new folder in this one, and removed. */
  folder: string;
  /** After this time the container is killed. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** The report of the container, or how it ended without one. */
export interface ContainerResult {
  report: CheckReport | undefined;
  exit: JobExit;
  /** The end of its output. */
  output: string;
}

const maxOutputBytes = 4096;

/**
 * Starts a container exactly as a job, from an image made of what is installed; its agent calls the server. Removes image and
 * container. @throws RuntimeError, UserError if the engine or the configuration cannot be used; the signal's reason
 */
export async function runContainerCheck(check: ContainerCheck): Promise<ContainerResult> {
  const { runtime, serverUrl, entrypoint, timeoutMs, signal } = check;
  if (runtime.importImage === undefined) throw new RuntimeError(`the runtime ${runtime.name} cannot import an image`);
  const id = randomUUID();
  const jobId = `${checkJobPrefix}${id}`;
  const image = `${checkImagePrefix}${id}`;
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(check.folder, checkFolderPrefix));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const job = { jobId, folder, logFile: join(folder, 'log'), requestFile: join(folder, 'request') };
  await createFile(job.requestFile, JSON.stringify({ url: serverUrl.href }));
  undo.defer(async () => void (await runtime.images?.remove(image).catch(() => {})));
  await runtime.importImage(image, checkImage(entrypoint), signal);
  // Removes the container, so the image goes after it.
  undo.defer(async () => void (await runtime.remove(job).catch(() => {})));
  await runtime.start({ ...job, image, maxLogBytes: 2 ** 20, serverUrl }, signal);
  const exit = await waitOrKill(runtime, job, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
  signal.throwIfAborted();
  const output = await readLogTail(job.logFile, maxOutputBytes);
  return { report: parseReport(output), exit, output };
}

async function waitOrKill(runtime: Runtime, job: JobPaths, signal: AbortSignal): Promise<JobExit> {
  try {
    return await runtime.wait(job, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    await runtime.kill(job, 0);
    return runtime.wait(job);
  }
}

function parseReport(output: string): CheckReport | undefined {
  const start = output.lastIndexOf(reportPrefix);
  if (start < 0) return undefined;
  try {
    return v.parse(CheckReport, parseJson(output.slice(start + reportPrefix.length, output.lastIndexOf('}') + 1)));
  } catch {
    return undefined;
  }
}
