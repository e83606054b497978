import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { shellQuote } from '../lib/shell-quote.ts';

/** Where the runner's files live; see the table in docs. */
export interface Paths {
  configFile: string;
  /** Instance ID, job records. */
  stateDir: string;
  /** The service's log and the jobs' logs. */
  logDir: string;
}

/** The environment with the places that a command line names in it, for {@link defaultPaths}. */
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

/** The service's own log, in the folder of logs; what was rotated away has `.1`, `.2` behind its name. */
export const serviceLogName = 'runner.log';

/**
 * Where everything is, without symbolic links in the folders: a job is known by the path of its folder, so there is one path,
 * however somebody got there.
 */
export function defaultPaths(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): Paths {
  const { configFile, stateDir, logDir } = namedPaths(env, platform);
  return { configFile, stateDir: realPlace(stateDir), logDir: realPlace(logDir) };
}

function namedPaths(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Paths {
  const home = absolute(env['HOME']) ?? userInfo().homedir;
  const config = (platform !== 'darwin' && absolute(env['XDG_CONFIG_HOME'])) || join(home, '.config');
  const configFile = env['PLAN42_CONFIG_FILE']
    ? resolve(env['PLAN42_CONFIG_FILE'])
    : join(config, 'plan42-runner.toml');
  const stateOverride = env['PLAN42_STATE_DIR'];
  if (stateOverride)
    return { configFile, stateDir: resolve(stateOverride), logDir: join(resolve(stateOverride), 'logs') };
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

/** What commands need to find this state folder, with a space behind it; empty for the default one. */
export function stateDirOption({ stateDir }: Pick<Paths, 'stateDir'>, env: NodeJS.ProcessEnv): string {
  const usual = defaultPaths({ ...env, PLAN42_STATE_DIR: undefined }).stateDir;
  if (stateDir === usual) return '';
  return `--state-dir ${shellQuote(stateDir)} `;
}

// The XDG base directory specification has relative paths ignored.
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') ? path : undefined;
}

// What isn't there yet will be in the real place of the folder that it comes into.
function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPlace(parent), path.slice(parent.length));
  }
}
