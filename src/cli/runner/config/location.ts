import type { Command } from 'commander';
import { defaultPaths } from '../../../config/paths.ts';
import { resolvedPath } from '../../options.ts';

export interface ConfigLocation {
  configFile?: string;
}

/** Adds `-c/--config-file`. */
export function withConfigFileOption(command: Command): Command {
  return command.option('-c, --config-file <file>', 'configuration file', resolvedPath);
}

export function configFilePath({ configFile }: ConfigLocation, env: NodeJS.ProcessEnv): string {
  return configFile ?? defaultPaths(env).configFile;
}
