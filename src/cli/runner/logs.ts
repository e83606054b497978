import { UserError } from '../../lib/errors.ts';
import { exists } from '../../lib/files.ts';
import { readLog } from '../../lib/read-log.ts';
import { serviceLogFiles } from '../../runner/service-log.ts';
import type { CliContext } from '../context.ts';
import { type ShowLogOptions, showLog } from '../show-log.ts';
import { findRunnerPaths, type RunnerOptions, readStateFolder } from './runner-paths.ts';

/** Shows the runner's log. */
export async function showServiceLog(context: CliContext, options: ShowLogOptions & RunnerOptions): Promise<void> {
  const paths = await findRunnerPaths(context, options);
  const files = serviceLogFiles(paths.logDir);
  await readStateFolder(paths, async () => {
    if (!(await exists(files[0]))) {
      const remedy = 'Start the runner: "plan42 runner exec".';
      if (!options.follow) throw new UserError(`no log at ${files[0]}`, { remedy });
      context.stderr.write(`No log at ${files[0]} yet. ${remedy}\n`);
    }
    await showLog(context, options, ({ lines, follow, signal }) =>
      readLog({ files, lines, signal, ...(follow && { isFinished: async () => false }) }),
    );
  });
}
