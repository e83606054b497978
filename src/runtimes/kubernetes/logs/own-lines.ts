/** Lines of the gateway and the warden of a job, for its log. They leave them in a file, see `createLogInput`. */
import { stat } from 'node:fs/promises';
import { createFile, exists } from '../../../lib/files.ts';
import { readBytes } from '../../../lib/read-file.ts';
import { type JobPaths, logLinesFile } from '../../../shim/shim.ts';
import type { CheckpointFile } from './checkpoint.ts';

export interface OwnLines {
  /** Whether there are lines that the log does not have. */
  hasNew(): Promise<boolean>;
  /** Writes them into the log, each between two lines of the output. */
  copy(): Promise<void>;
}

export async function openOwnLines(job: JobPaths, checkpoint: CheckpointFile): Promise<OwnLines> {
  const path = logLinesFile(job);
  if (!(await exists(path))) await createFile(path);
  return {
    hasNew: async () => (await stat(path)).size > checkpoint.current.linesRead,
    async copy() {
      for (;;) {
        const start = checkpoint.current.linesRead;
        const rest = (await readBytes(path)).subarray(start);
        const end = rest.lastIndexOf('\n');
        if (end < 0) return;
        await checkpoint.writeNote(rest.toString('utf8', 0, end), { linesRead: start + end + 1 });
      }
    },
  };
}
