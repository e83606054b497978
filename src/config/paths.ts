import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { environmentFailure, isOutOfInodes } from '../lib/environment-failure.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { expandHome, homeRemedy } from '../lib/home-path.ts';
import { shellQuote } from '../lib/shell-quote.ts';

/** The runner's files; docs has a table. */
export interface Paths {
  configFile: string;
  /** Instance ID, job records. */
  stateDir: string;
  /** The service's log and the jobs' logs. */
  logDir: string;
}

/** The environment with the paths from the command line added, for {@link defaultPaths}. */
export function withPathOptions(
  env: NodeJS.ProcessEnv,
  { configFile, stateDir }: { configFile?: string; stateDir?: string },
): NodeJS.ProcessEnv {
  return {
    ...env,
    ...(configFile === undefined ? {} : { PLAN42_CONFIG_FILE: configFile }),
    ...(stateDir === undefined ? {} : { PLAN42_STATE_DIR: stateDir }),
  };
}

/** The service's own log in the log folder; rotated files have the suffix `.1`, `.2`. */
export const serviceLogName = 'runner.log';

/**
 * All paths, with symbolic links resolved: a job is identified by the path of its folder, which must be unique.
 */
export function defaultPaths(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): Paths {
  const { configFile, stateDir, logDir } = namedPaths(env, platform);
  return { configFile, stateDir: realPathOf(stateDir), logDir: realPathOf(logDir) };
}

/** The home folder of the user. */
export function homeFolder(env: NodeJS.ProcessEnv): string {
  return absolute(env['HOME']) ?? userInfo().homedir;
}

function namedPaths(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Paths {
  const home = homeFolder(env);
  const config = (platform !== 'darwin' && absolute(env['XDG_CONFIG_HOME'])) || join(home, '.config');
  const configFile = pathIn(env, 'PLAN42_CONFIG_FILE', home) ?? join(config, 'plan42-runner.toml');
  const stateOverride = pathIn(env, 'PLAN42_STATE_DIR', home);
  if (stateOverride !== undefined) return { configFile, stateDir: stateOverride, logDir: join(stateOverride, 'logs') };
  if (platform === 'darwin') {
    const name = 'ai.plan42.runner';
    return {
      configFile,
      stateDir: join(home, 'Library/Application Support', name),
      logDir: join(home, 'Library/Logs', name),
    };
  }
  const stateDir = join(absolute(env['XDG_STATE_HOME']) || join(home, '.local/state'), 'plan42-runner');
  return { configFile, stateDir, logDir: join(stateDir, 'logs') };
}

/** Returns the remedy for a state folder that cannot be used because of `error`. */
export function stateFolderRemedy(error: unknown): string {
  const failure = environmentFailure(error);
  if (failure?.kind === 'diskFull' && failure.path !== undefined && isOutOfInodes(failure.path))
    return 'Remove files, because the file system has no inodes left, or choose another folder with --state-dir.';
  if (failure?.kind === 'diskFull') return 'Free disk space, or choose another folder with --state-dir.';
  if (failure?.kind === 'forbidden') return 'Change its owner, or choose another folder with --state-dir.';
  return 'Choose another folder with --state-dir.';
}

/** The option with which commands find this state folder, followed by a space; empty for the default folder. */
export function stateDirOption({ stateDir }: Pick<Paths, 'stateDir'>, env: NodeJS.ProcessEnv): string {
  const usual = defaultPaths({ ...env, PLAN42_STATE_DIR: undefined }).stateDir;
  if (stateDir === usual) return '';
  return `--state-dir ${shellQuote(stateDir)} `;
}

function pathIn(env: NodeJS.ProcessEnv, variable: string, home: string): string | undefined {
  const text = env[variable];
  if (!text) return undefined;
  const path = expandHome(text, home);
  if (path !== undefined) return resolve(path);
  throw new UserError(`cannot use ${variable}=${text}`, {
    remedy: `${homeRemedy(text)}.`,
    exitCode: ExitCode.configuration,
  });
}

// The XDG base directory specification ignores relative paths.
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') ? path : undefined;
}

// A path that does not exist yet is resolved by its nearest existing parent.
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPathOf(parent), path.slice(parent.length));
  }
}
