import type { Command } from 'commander';
import { defaultPaths, type Paths, withPathOptions } from '../../config/paths.ts';
import { errorCode, UserError } from '../../lib/errors.ts';
import type { CliContext } from '../context.ts';
import { resolvedPath, withColorOption } from '../options.ts';

/** Selects a runner on this machine. */
export interface RunnerOptions {
  configFile?: string;
  stateDir?: string;
}

export interface RunnerPaths extends Paths {
  /** The configuration file was named, so it must exist. */
  isConfigNamed: boolean;
}

/** Adds the options that select a runner on this machine. */
export function withRunnerOptions(command: Command): Command {
  return withColorOption(command)
    .option('-c, --config-file <file>', 'configuration file, if not the default', resolvedPath)
    .option('--state-dir <folder>', 'state folder of the runner, if not the default', resolvedPath);
}

/**
 * Returns the paths of the runner's files.
 * @throws UserError (exit code 3) if the configuration file was named and cannot be used
 */
export async function findRunnerPaths(context: CliContext, options: RunnerOptions): Promise<RunnerPaths> {
  const env = withPathOptions(context.env, options);
  const paths = { ...defaultPaths(env), isConfigNamed: Boolean(env['PLAN42_CONFIG_FILE']) };
  if (paths.isConfigNamed) await loadRunnerConfig(context, paths);
  return paths;
}

/** @throws UserError (exit code 3) if it cannot be used */
export async function loadRunnerConfig({ env }: CliContext, { configFile, isConfigNamed }: RunnerPaths) {
  // Loaded on demand, because most commands do not need it.
  const { loadConfig } = await import('../../config/load.ts');
  return loadConfig({ path: configFile, explicit: isConfigNamed, env });
}

/** Runs `work`, which reads the state folder. @throws UserError if access is denied */
export async function readStateFolder<T>({ stateDir }: Paths, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTDIR', 'EIO'].includes(errorCode(error) ?? '')) throw error;
    throw new UserError(`cannot read the state folder ${stateDir}`, {
      remedy: 'Check its permissions, or choose another folder with --state-dir.',
      cause: error,
    });
  }
}
