/** Appends a line to the log of a job whose agent has exited: nothing else writes to it any more. */
import { createFile } from '../../../lib/files.ts';
import { readTextIfExists } from '../../../lib/read-file.ts';
import { createLogInput, type JobPaths, logLinesFile, openSegmentWriter } from '../../../shim/shim.ts';
import { openCheckpoint } from './checkpoint.ts';
import { openOwnLines } from './own-lines.ts';

/** Appends it once, also if the runner is killed meanwhile and calls this again. @throws an error of the file system */
export async function appendLine(job: JobPaths, line: string, maxLogBytes: number): Promise<void> {
  const path = logLinesFile(job);
  const lines = await readTextIfExists(path);
  if (lines === undefined) await createFile(path);
  if (!lines?.split('\n').includes(line)) createLogInput(job)(`${line}\n`);
  await using log = await openSegmentWriter(job.logFile, maxLogBytes);
  await using checkpoint = await openCheckpoint(job, log);
  await (await openOwnLines(job, checkpoint)).copy();
}
