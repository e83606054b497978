/** The first lines of the runner's log. */
import type { Config } from '../config/schema.ts';
import { unboundSecrets } from '../jobs/credentials/collect.ts';
import type { Logger } from '../lib/logger.ts';

export function logStart(
  logger: Logger,
  { config, ...fields }: { config: Config; runtime: string; version: string } & Record<string, unknown>,
): void {
  logger.info('runner starting', { url: config.runner.url.href, ...fields });
  if (config.runner.skipSslVerify)
    logger.warn('server certificate not verified', { setting: 'runner.skip_ssl_verify' });
  if (fields.runtime === 'host') logger.warn('jobs run without isolation', { runtime: fields.runtime });
}

/** The values of secrets are never logged. */
export function warnOfUnboundSecrets(
  { jobs, credentials, credentialTables }: Config,
  env: NodeJS.ProcessEnv,
  logger: Logger,
) {
  if (credentials.broker === 'off') return;
  const variables = new Map(jobs.env.map(({ name, value = env[name] ?? '' }) => [name, value]));
  const names = unboundSecrets(variables, credentialTables);
  const remedy = 'name their hosts in [credentials.NAME] tables';
  if (names.length > 0) logger.warn('variables of jobs look like secrets', { variables: names.join(' '), remedy });
}
