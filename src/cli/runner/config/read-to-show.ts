import { type ConfigFile, readConfigFile } from '../../../config/edit-file.ts';
import { withPathOptions } from '../../../config/paths.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { CliContext } from '../../context.ts';
import { type ConfigLocation, configFilePath } from './location.ts';

/**
 * Reads the file for telling what is in it.
 * @throws UserError (exit code 3) when the person named one that is not there, and as readConfigFile does
 */
export async function readConfigToShow({ env, signal }: CliContext, options: ConfigLocation): Promise<ConfigFile> {
  const file = await readConfigFile(configFilePath(options, env), signal);
  const isNamed = Boolean(withPathOptions(env, options)['PLAN42_CONFIG_FILE']);
  if (file.content !== undefined || !isNamed) return file;
  throw new UserError(`there is no configuration file ${file.path}`, {
    remedy: `Name another one, or make it: "plan42 runner config -c ${shellQuote(file.path)}".`,
    exitCode: ExitCode.configuration,
  });
}
