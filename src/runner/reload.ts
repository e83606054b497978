import { unwatchFile, watchFile } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { formatError, UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { parseRunnerToken } from '../plan42/runner-token.ts';
import { requireRunnerToken } from './require-token.ts';

export interface WatchConfigOptions {
  path: string;
  load: () => Promise<LoadedConfig>;
  /** As the runner was started with. */
  config: Config;
  /** Of the configuration, which have been logged. */
  warnings: readonly string[];
  logger: Logger;
  onReloadRequest: (listener: () => void) => void;
  /** There is another token of the same runner. */
  onToken: (token: string) => void;
  /** The connections to GitHub are others. */
  onConnections: (connections: Config['github']) => void;
}

export interface ConfigWatch extends Disposable {
  /** Reads the configuration again. Resolves with what was wrong with it, or null. */
  reload(): Promise<string | null>;
}

// Looking at the file's times sees every way in which files are replaced, on every file system.
const lookEveryMs = 1000;

/**
 * Reads the configuration again when its file changes and when somebody asks for it. A new token and changed
 * connections to GitHub are used from then on; what else has changed is said to take effect at the next start. A
 * configuration that is wrong changes nothing.
 */
export function watchConfig(options: WatchConfigOptions): ConfigWatch {
  const { path, load, config, logger } = options;
  let current = config;
  let knownWarnings = options.warnings;
  let last: Promise<unknown> = Promise.resolve();

  async function reload(): Promise<string | null> {
    try {
      const { config: next, warnings } = await load();
      for (const warning of warnings.filter((text) => !knownWarnings.includes(text))) logger.warn(warning);
      knownWarnings = warnings;
      if (next.runner.token !== current.runner.token) {
        const identity = requireRunnerToken(next, path);
        requireSameRunner(identity, current.runner.token ?? '');
        options.onToken(identity.token);
        logger.info('the runner token was replaced');
      }
      if (!isDeepStrictEqual(next.github, current.github)) {
        options.onConnections(next.github);
        logger.info('the connections to GitHub were replaced', { connections: Object.keys(next.github).length });
      }
      const changed = changedTables(current, next);
      if (changed.length > 0)
        logger.warn('changes of the configuration take effect at the next start', { tables: changed });
      current = next;
      return null;
    } catch (error) {
      logger.error('the configuration could not be read again; the runner goes on as before', { error });
      return formatError(error);
    }
  }

  // One at a time, in order.
  const request = () => {
    const reloaded = last.then(reload);
    last = reloaded;
    return reloaded;
  };
  const onChange = () => void request();
  options.onReloadRequest(onChange);
  watchFile(path, { interval: lookEveryMs, persistent: false }, onChange);
  return { reload: request, [Symbol.dispose]: () => unwatchFile(path, onChange) };
}

function requireSameRunner(next: { tenantId: string; runnerId: string }, token: string): void {
  // Expired or not, the old token tells whose it was.
  const { tenantId, runnerId } = parseRunnerToken(token, new Date(0));
  if (next.tenantId === tenantId && next.runnerId === runnerId) return;
  throw new UserError('the new token is another runner’s', { remedy: 'Start this runner again to use it.' });
}

function changedTables(before: Config, after: Config): string[] {
  const names = Object.keys(after) as (keyof Config)[];
  return names.filter((name) => {
    if (name === 'github') return false;
    const withoutToken = (config: Config) =>
      name === 'runner' ? { ...config.runner, token: undefined } : config[name];
    return !isDeepStrictEqual(withoutToken(before), withoutToken(after));
  });
}
