import { unwatchFile, watchFile } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { parseRunnerToken } from '../plan42/runner-token.ts';
import { requireRunnerToken } from './require-token.ts';

export interface WatchConfigOptions {
  path: string;
  load: () => Promise<LoadedConfig>;
  /** As the runner was started with. */
  config: Config;
  logger: Logger;
  onReloadRequest: (listener: () => void) => void;
  /** There is another token of the same runner. */
  onToken: (token: string) => void;
}

// Looking at the file's times sees every way in which files are replaced, on every file system.
const lookEveryMs = 1000;

/**
 * Reads the configuration again when its file changes and when somebody asks for it. A new token is used from then on;
 * what else has changed is said to take effect at the next start. A configuration that is wrong changes nothing.
 */
export function watchConfig({ path, load, config, logger, onReloadRequest, onToken }: WatchConfigOptions): Disposable {
  let current = config;
  let last: Promise<void> = Promise.resolve();

  async function reload(): Promise<void> {
    try {
      const next = (await load()).config;
      if (next.runner.token !== current.runner.token) {
        const identity = requireRunnerToken(next, path);
        requireSameRunner(identity, current.runner.token ?? '');
        onToken(identity.token);
        logger.info('the runner token was replaced');
      }
      const changed = changedTables(current, next);
      if (changed.length > 0)
        logger.warn('changes of the configuration take effect at the next start', { tables: changed });
      current = next;
    } catch (error) {
      logger.error('the configuration could not be read again; the runner goes on as before', { error });
    }
  }

  // One at a time, in order.
  const request = () => {
    last = last.then(reload);
  };
  onReloadRequest(request);
  watchFile(path, { interval: lookEveryMs, persistent: false }, request);
  return { [Symbol.dispose]: () => unwatchFile(path, request) };
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
    const withoutToken = (config: Config) =>
      name === 'runner' ? { ...config.runner, token: undefined } : config[name];
    return !isDeepStrictEqual(withoutToken(before), withoutToken(after));
  });
}
