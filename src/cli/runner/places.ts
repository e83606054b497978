import type { Command } from 'commander';
import { defaultPaths, type Paths, withPathOptions } from '../../config/paths.ts';
import { errorCode, UserError } from '../../lib/errors.ts';
import type { CliContext } from '../context.ts';
import { resolvedPath, withColorOption } from '../options.ts';

/** Which runner a command is about. */
export interface PlaceOptions {
  configFile?: string;
  stateDir?: string;
}

export interface Places extends Paths {
  /** The person named the configuration file, so that it must be there. */
  isConfigNamed: boolean;
}

/** Adds the options of the commands that are about the runner on this machine. */
export function withPlaceOptions(command: Command): Command {
  return withColorOption(command)
    .option('-c, --config-file <file>', 'the configuration, when not at its usual place', resolvedPath)
    .option('--state-dir <folder>', 'where the runner keeps its jobs, as it was started with', resolvedPath);
}

/**
 * Where the runner's files are. A configuration that was named is read at once.
 * @throws UserError (exit code 3) when that can't be used
 */
export async function findPlaces(context: CliContext, options: PlaceOptions): Promise<Places> {
  const env = withPathOptions(context.env, options);
  const places = { ...defaultPaths(env), isConfigNamed: Boolean(env['PLAN42_CONFIG_FILE']) };
  if (places.isConfigNamed) await loadPlacedConfig(context, places);
  return places;
}

/** @throws UserError (exit code 3) when it can't be used */
export async function loadPlacedConfig({ env }: CliContext, { configFile, isConfigNamed }: Places) {
  // Late, since most commands do without.
  const { loadConfig } = await import('../../config/load.ts');
  return loadConfig({ path: configFile, explicit: isConfigNamed, env });
}

/** Looks into the state folder with `work`; where that isn't allowed, it is not a bug. */
export async function lookInto<T>({ stateDir }: Paths, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTDIR', 'EIO'].includes(errorCode(error) ?? '')) throw error;
    throw new UserError(`cannot look into the state folder ${stateDir}`, {
      remedy: 'Check its permissions, or name another one with --state-dir.',
      cause: error,
    });
  }
}
