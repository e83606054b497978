import { type ConfigFile, readConfigFile } from '../../../config/edit-file.ts';
import { withPathOptions } from '../../../config/paths.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { CliContext } from '../../context.ts';
import { type ConfigLocation, configFilePath } from './location.ts';

/**
 * Reads the file to show its content.
 * @throws UserError (exit code 3) if a named file does not exist, or as readConfigFile does
 */
export async function readConfigToShow({ env, signal }: CliContext, options: ConfigLocation): Promise<ConfigFile> {
  const file = await readConfigFile(configFilePath(options, env), signal);
  const isNamed = Boolean(withPathOptions(env, options)['PLAN42_CONFIG_FILE']);
  if (file.content !== undefined || !isNamed) return file;
  throw new UserError(`configuration file ${file.path} not found`, {
    remedy: `Choose another file, or create it: "plan42 runner config -c ${shellQuote(file.path)}".`,
    exitCode: ExitCode.configuration,
  });
}
