import { UserError } from '../../lib/errors.ts';
import { AdminClient, getCurrentTenant } from '../../plan42/admin-client.ts';
import { FileClient } from '../../plan42/file-client.ts';
import { createTransport } from '../../plan42/transport.ts';
import { WorkstreamClient } from '../../plan42/workstream-client.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import { explainApiFailure } from './api-failure.ts';
import { type LocationOptions, locateServer, type ServerLocation } from './location.ts';
import { withLocation } from './with-location.ts';

export interface ServerConnection {
  client: AdminClient;
  files: FileClient;
  workstreams: WorkstreamClient;
  /** The runner for new tokens by default; undefined if the tenant has none. */
  defaultRunnerId: string | undefined;
  tenantId: string;
  location: ServerLocation;
}

/**
 * Runs `work` with a client of the running server, and closes the connections afterwards. Failed calls become UserErrors
 * with a remedy.
 */
export async function withServer<T>(
  context: CliContext,
  options: LocationOptions,
  work: (server: ServerConnection) => Promise<T>,
): Promise<T> {
  const { env, signal, version } = context;
  const location = await locate(context, options).catch((error: unknown) => {
    throw withLocationInRemedy(error, options);
  });
  const transport = createTransport({ env, caFile: location.caFile, trustsServerCertificate: true });
  const endpoint = { transport, baseUrl: new URL(location.url), token: location.token, userAgent: `plan42/${version}` };
  try {
    const { tenantId, runnerId } = location.ids ?? (await idsOf(endpoint, signal));
    const client = new AdminClient(endpoint, tenantId, signal);
    const files = new FileClient(endpoint, tenantId, signal);
    const workstreams = new WorkstreamClient(endpoint, tenantId, signal);
    return await work({ client, files, workstreams, defaultRunnerId: runnerId, tenantId, location });
  } catch (error) {
    throw withLocationInRemedy(explainApiFailure(error, location, env), options);
  } finally {
    await transport.destroy();
  }
}

/** Like `withServer`, for work that prints nothing. A terminal shows progress. */
export function callServer<T>(
  context: CliContext,
  options: LocationOptions,
  work: (server: ServerConnection) => Promise<T>,
): Promise<T> {
  return withProgress(context, 'Waiting for the server', () => withServer(context, options, work));
}

/** A remedy that the user copies must be for the same server. */
function withLocationInRemedy(error: unknown, options: LocationOptions): unknown {
  if (!(error instanceof UserError) || error.remedy === undefined) return error;
  const remedy = withLocation(error.remedy, options);
  if (remedy === error.remedy) return error;
  return new UserError(error.message, { remedy, exitCode: error.exitCode, cause: error.cause });
}

async function locate(context: CliContext, options: LocationOptions): Promise<ServerLocation> {
  const { personal, server, data } = options;
  if (personal !== true || server !== undefined || data !== undefined) return locateServer(options, context.env);
  // Only these commands start a server, so the others don't load this.
  const { ensureService } = await import('../run/service/ensure.ts');
  return ensureService(context);
}

async function idsOf(endpoint: Parameters<typeof getCurrentTenant>[0], signal: AbortSignal) {
  const tenant = await getCurrentTenant(endpoint, signal);
  return { tenantId: tenant.TenantId, runnerId: tenant.DefaultRunnerID || undefined };
}
