import { AdminClient, getCurrentTenant } from '../../plan42/admin-client.ts';
import { createTransport } from '../../plan42/transport.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import { explainApiFailure } from './api-failure.ts';
import { type LocationOptions, locateServer } from './location.ts';

export interface ServerConnection {
  client: AdminClient;
  /** The runner that new tokens are for unless told otherwise; undefined when the tenant has none. */
  defaultRunnerId: string | undefined;
}

/**
 * Runs `work` with a client of the running server, and closes the connections afterwards. Failed calls become
 * UserErrors that say what to do.
 */
export async function withServer<T>(
  context: CliContext,
  options: LocationOptions,
  work: (server: ServerConnection) => Promise<T>,
): Promise<T> {
  const { env, signal, version } = context;
  const location = locateServer(options, env);
  const transport = createTransport({ env, caFile: location.caFile });
  const endpoint = { transport, baseUrl: new URL(location.url), token: location.token, userAgent: `plan42/${version}` };
  try {
    const { tenantId, runnerId } = location.ids ?? (await idsOf(endpoint, signal));
    return await work({ client: new AdminClient(endpoint, tenantId, signal), defaultRunnerId: runnerId });
  } catch (error) {
    throw explainApiFailure(error, location);
  } finally {
    await transport.destroy();
  }
}

/** The same for calls that are made without writing anything; a terminal shows that they take time. */
export function askServer<T>(
  context: CliContext,
  options: LocationOptions,
  work: (server: ServerConnection) => Promise<T>,
): Promise<T> {
  return withProgress(context, 'Asking the server …', () => withServer(context, options, work));
}

async function idsOf(endpoint: Parameters<typeof getCurrentTenant>[0], signal: AbortSignal) {
  const tenant = await getCurrentTenant(endpoint, signal);
  return { tenantId: tenant.TenantId, runnerId: tenant.DefaultRunnerID || undefined };
}
