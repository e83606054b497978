import { access } from 'node:fs/promises';
import { UserError } from '../../lib/errors.ts';
import { serviceLogFiles } from '../../runner/service-log.ts';
import type { CliContext } from '../context.ts';
import { findPlaces, type PlaceOptions } from './places.ts';
import { type ShowLogOptions, showLog } from './show-log.ts';

/** The runner's own log, which it writes however it was started. */
export async function showServiceLog(context: CliContext, options: ShowLogOptions & PlaceOptions): Promise<void> {
  const { logDir } = await findPlaces(context, options);
  const files = serviceLogFiles(logDir);
  if (!options.follow) {
    await access(files[0]).catch(() => {
      throw new UserError(`there is no log at ${files[0]}`, {
        remedy: 'The runner writes it once it runs: "plan42 runner exec".',
      });
    });
  }
  await showLog(context, options, { files, isOver: async () => false });
}
