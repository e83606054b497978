import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type ConfigFile, readConfigFile } from '../../../config/config-file.ts';
import { defaultPaths, withPlaces } from '../../../config/paths.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { CliContext } from '../../context.ts';

export interface ConfigLocation {
  configFile?: string;
}

/** Adds `-c/--config-file`. */
export function withConfigFileOption(command: Command): Command {
  return command.option('-c, --config-file <file>', 'the configuration file', (path) => resolve(path));
}

export function configFilePath({ configFile }: ConfigLocation, env: NodeJS.ProcessEnv): string {
  return configFile ?? defaultPaths(env).configFile;
}

/**
 * Reads the file for telling what is in it.
 * @throws UserError (exit code 3) when the person named one that is not there, and as readConfigFile does
 */
export async function readConfigToShow({ env, signal }: CliContext, options: ConfigLocation): Promise<ConfigFile> {
  const file = await readConfigFile(configFilePath(options, env), signal);
  const isNamed = Boolean(withPlaces(env, options)['PLAN42_CONFIG_FILE']);
  if (file.content !== undefined || !isNamed) return file;
  throw new UserError(`there is no configuration file ${file.path}`, {
    remedy: `Name another one, or make it: "plan42 runner config -c ${shellQuote(file.path)}".`,
    exitCode: ExitCode.configuration,
  });
}
