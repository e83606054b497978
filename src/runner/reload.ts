import { unwatchFile, watchFile } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { formatError, UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { parseRunnerToken, type RunnerToken } from '../plan42/runner-token.ts';
import { requireRunnerToken } from './require-token.ts';

export interface WatchConfigOptions {
  path: string;
  load: () => Promise<LoadedConfig>;
  /** The configuration at the start. */
  config: Config;
  /** Configuration warnings that have been logged already. */
  warnings: readonly string[];
  logger: Logger;
  onReloadRequest: (listener: () => void) => void;
  /** Rejects if the new token has expired. */
  confirmToken: (token: RunnerToken & { token: string }) => Promise<void>;
  /** Called with a new token of the same runner. */
  onToken: (token: RunnerToken & { token: string }) => void;
  /** Called with each configuration, once its connections are in use. */
  onSecrets: (config: Config) => Promise<void>;
  /** Called if the connections to GitHub have changed. */
  onConnections: (connections: Config['github']) => void;
}

export interface ConfigWatch extends Disposable {
  /** Reloads the configuration. Resolves with the error message, or null. */
  reload(): Promise<string | null>;
}

// Polling notices every kind of file replacement, on every file system.
const pollIntervalMs = 1000;

/**
 * Reloads the configuration when its file changes and on request. A new token and changed connections to GitHub take
 * effect at once; other changes are logged and take effect at the next start. An invalid configuration changes nothing.
 */
export function watchConfig(options: WatchConfigOptions): ConfigWatch {
  const { path, load, config, logger } = options;
  let current = config;
  let knownWarnings = options.warnings;
  let last: Promise<unknown> = Promise.resolve();

  async function reload(): Promise<string | null> {
    try {
      const { config: next, warnings } = await load();
      const newWarnings = warnings.filter((text) => !knownWarnings.includes(text));
      for (const reason of newWarnings) logger.warn('configuration warning', { reason });
      knownWarnings = warnings;
      if (next.runner.token !== current.runner.token) {
        const identity = requireRunnerToken(next, path);
        requireSameRunner(identity, current.runner.token ?? '');
        await options.confirmToken(identity);
        options.onToken(identity);
        logger.info('runner token replaced');
      }
      if (!isDeepStrictEqual(next.github, current.github)) {
        options.onConnections(next.github);
        logger.info('GitHub connections replaced', { count: Object.keys(next.github).length });
      }
      await options.onSecrets(next);
      if (!isDeepStrictEqual(modelSettings(next), modelSettings(current))) logger.info('model settings replaced');
      const changed = changedTables(current, next);
      if (changed.length > 0) logger.warn('configuration changed, restart required', { tables: changed });
      current = next;
      logger.info('configuration reloaded');
      return null;
    } catch (error) {
      logger.error('cannot reload configuration, keeping the old one', { error });
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
  watchFile(path, { interval: pollIntervalMs, persistent: false }, onChange);
  return { reload: request, [Symbol.dispose]: () => unwatchFile(path, onChange) };
}

function requireSameRunner(next: { tenantId: string; runnerId: string }, token: string): void {
  const { tenantId, runnerId } = parseRunnerToken(token);
  if (next.tenantId === tenantId && next.runnerId === runnerId) return;
  throw new UserError('the new token belongs to another runner', { remedy: 'Restart this runner to use it.' });
}

/** Those in `[runner]` that only a restart changes. */
function lastingSettings({ runner: { url, skipSslVerify, runtime } }: Config) {
  return { url, skipSslVerify, runtime };
}

/** Those that jobs get which start afterwards. */
function modelSettings({ runner, modelMappings }: Config) {
  const { openaiEndpoint, openaiToken, claudeEndpoint, claudeToken, noWebsearch, noCacheTtl } = runner;
  return { openaiEndpoint, openaiToken, claudeEndpoint, claudeToken, noWebsearch, noCacheTtl, modelMappings };
}

function changedTables(before: Config, after: Config): string[] {
  const names = Object.keys(after) as (keyof Config)[];
  return names.filter((name) => {
    if (name === 'github' || name === 'modelMappings') return false;
    const lasting = (config: Config) => (name === 'runner' ? lastingSettings(config) : config[name]);
    return !isDeepStrictEqual(lasting(before), lasting(after));
  });
}
