import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Paths } from '../config/paths.ts';
import { type Config, environmentVariable, tables } from '../config/schema.ts';
import type { ServiceDefinition, ServiceHost } from './service-manager.ts';

// A service starts with a minimal environment. These variables are copied from the user who enables it: locations of engines
// and their settings, proxies, the locale.
const copiedVariables =
  /^((https?|no|all)_proxy|xdg_(config|data|state|cache)_home|lang|lc_\w+|tz|docker_\w+|container_\w+|containers_\w+|registry_auth_file|node_extra_ca_certs|ssl_cert_(file|dir))$/i;

const usualFolders = {
  darwin: ['/opt/homebrew/bin', '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'],
  linux: ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'],
};

/** The environment of the service. */
export function serviceEnvironment({ env, platform }: Omit<ServiceHost, 'uid'>): Record<string, string> {
  const given = Object.entries(env).filter(
    (entry): entry is [string, string] => Boolean(entry[1]) && !/\p{Cc}/u.test(entry[1] ?? ''),
  );
  return {
    ...Object.fromEntries(
      given.filter(([name]) => copiedVariables.test(name)).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ),
    PATH: searchPath(env['PATH'] ?? '', usualFolders[platform === 'darwin' ? 'darwin' : 'linux']),
  };
}

/** Settings from this environment that the service will not get. They belong in the file. */
export function variablesLeftOut(env: NodeJS.ProcessEnv): string[] {
  const names = Object.entries(tables).flatMap(([table, fields]) =>
    Object.values(fields).map(({ key }) => environmentVariable(table, key)),
  );
  return names.filter((name) => env[name]);
}

export const tokenVariable = environmentVariable('runner', 'token');

// A relative folder would be another one in the service's working directory.
function searchPath(given: string, usual: readonly string[]): string {
  return [...new Set([...given.split(delimiter).filter(isAbsolute), ...usual])].join(delimiter);
}

/** Where the service's own log and its standard error go, in the user's usual place. */
export function serverLogDir({ env, platform }: Omit<ServiceHost, 'uid'>): string {
  const home = env['HOME'] || homedir();
  if (platform === 'darwin') return join(home, 'Library/Logs/ai.plan42.server');
  const base = env['XDG_STATE_HOME'] ?? '';
  return join(isAbsolute(base) ? base : join(home, '.local/state'), 'plan42-server');
}

// It ends within seconds, but a large database is checkpointed.
const serverStopTimeoutMs = 60_000;

/** The server as a service. @param command an absolute path and arguments */
export function defineServer({
  host,
  command,
  version,
}: {
  host: Omit<ServiceHost, 'uid'>;
  command: readonly [string, ...string[]];
  version: string;
}): ServiceDefinition {
  return {
    command,
    environment: serviceEnvironment(host),
    stopTimeoutMs: serverStopTimeoutMs,
    errorFile: join(serverLogDir(host), 'stderr.log'),
    version,
  };
}

export interface DefineOptions {
  host: Omit<ServiceHost, 'uid'>;
  paths: Paths;
  config: Config;
  /** The command line of `plan42-runner`: an absolute path and arguments. */
  runnerCommand: readonly [string, ...string[]];
  version: string;
}

/** The runner as a service, with the paths of the user who enables it. */
export function defineService({ host, paths, config, runnerCommand, version }: DefineOptions): ServiceDefinition {
  const [program, ...args] = runnerCommand;
  const stateDir = host.env['PLAN42_STATE_DIR'] ? ['--state-dir', paths.stateDir] : [];
  return {
    command: [program, ...args, '--config-file', paths.configFile, ...stateDir],
    environment: serviceEnvironment(host),
    stopTimeoutMs: config.queues.shutdownTimeoutMs,
    errorFile: join(paths.logDir, 'stderr.log'),
    version,
  };
}
