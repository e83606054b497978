import { UserError } from '../../../lib/errors.ts';
import { exists } from '../../../lib/files.ts';
import { readLog } from '../../../lib/read-log.ts';
import type { CliContext } from '../../context.ts';
import { type ShowLogOptions, showLog } from '../../show-log.ts';
import { serverLogFiles, serviceLogFile } from '../start/log-file.ts';

/** Shows the log of the service. */
export async function showServerLog(context: CliContext, options: ShowLogOptions): Promise<void> {
  const files = serverLogFiles(serviceLogFile(context));
  if (!(await exists(files[0]))) {
    throw new UserError(`no log at ${files[0]}`, {
      remedy: 'Start the server as a service with "plan42 server enable". One in a terminal writes to standard error.',
    });
  }
  await showLog(context, options, ({ lines, follow, signal }) =>
    readLog({ files, lines, signal, ...(follow && { isFinished: async () => false }) }),
  );
}
