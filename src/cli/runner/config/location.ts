import { resolve } from 'node:path';
import type { Command } from 'commander';
import { defaultPaths } from '../../../config/paths.ts';

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
