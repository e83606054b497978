import { UserError } from '../../lib/errors.ts';
import { exists } from '../../lib/files.ts';
import { readLog } from '../../lib/read-log.ts';
import { serviceLogFiles } from '../../runner/service-log.ts';
import type { CliContext } from '../context.ts';
import { findPlaces, lookInto, type PlaceOptions } from './places.ts';
import { type ShowLogOptions, showLog } from './show-log.ts';

/** The runner's own log, which it writes however it was started. */
export async function showServiceLog(context: CliContext, options: ShowLogOptions & PlaceOptions): Promise<void> {
  const places = await findPlaces(context, options);
  const files = serviceLogFiles(places.logDir);
  await lookInto(places, async () => {
    if (!(await exists(files[0]))) {
      const remedy = 'The runner writes it once it runs: "plan42 runner exec".';
      if (!options.follow) throw new UserError(`there is no log at ${files[0]}`, { remedy });
      context.stderr.write(`There is no log at ${files[0]} yet. ${remedy}\n`);
    }
    await showLog(context, options, ({ lines, follow, signal }) =>
      readLog({ files, lines, signal, ...(follow && { isFinished: async () => false }) }),
    );
  });
}
