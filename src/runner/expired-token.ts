import type { Config } from '../config/schema.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { Plan42Client } from '../plan42/client.ts';
import { ApiError, describeSkew } from '../plan42/errors.ts';
import type { RunnerToken } from '../plan42/runner-token.ts';
import { hasExpired } from '../plan42/token-end.ts';
import { createTransport } from '../plan42/transport.ts';
import { invalidToken } from './require-token.ts';

export interface ConfirmOptions {
  config: Config;
  /** The configuration file. */
  path: string;
  env: NodeJS.ProcessEnv;
  userAgent: string;
  clock?: Clock;
}

const timeoutMs = 6000;

/**
 * Checks that a token has not expired. If the date of this machine says that it has, the server decides, because the date
 * may be wrong.
 * @throws UserError (exit code 4) if the server does not accept it
 */
export async function confirmExpiredToken(
  token: RunnerToken & { token: string },
  options: ConfirmOptions,
): Promise<void> {
  const { config, path, env, userAgent, clock = systemClock } = options;
  const { expiresAt, tenantId } = token;
  if (expiresAt === undefined || !hasExpired(expiresAt, clock.date())) return;
  const transport = createTransport({ ...config.runner, caFile: config.network.caFile, env });
  try {
    const client = new Plan42Client({ transport, baseUrl: config.runner.url, token: token.token, userAgent });
    await client.getTenant(tenantId, { timeoutMs });
  } catch (error) {
    const skew = error instanceof ApiError ? describeSkew(error) : undefined;
    throw invalidToken(`it expired at ${expiresAt.toISOString()}${skew === undefined ? '' : `; ${skew}`}`, path);
  } finally {
    await transport.destroy();
  }
}
