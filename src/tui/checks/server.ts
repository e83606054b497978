import { ExitCode } from '../../lib/errors.ts';
import { ApiError, ConnectionError, isAuthError } from '../../plan42/errors.ts';
import { listPrivateConnections, type PrivateConnection } from '../../plan42/github-connections.ts';
import { createTransport } from '../../plan42/transport.ts';
import { type CheckedSettings, SettingError } from './runner-settings.ts';

export interface ServerCheckOptions {
  skipSslVerify: boolean;
  caFile: string | undefined;
  env: NodeJS.ProcessEnv;
  version: string;
  signal?: AbortSignal;
}

/**
 * Asks the server whether it takes the token, which lists the tenant's private GitHub connections.
 * @throws SettingError (exit codes 1 and 4); UserError if `caFile` or a proxy can't be used; the signal's reason
 */
export async function checkWithServer(
  { token, url, identity }: CheckedSettings,
  { version, signal, ...options }: ServerCheckOptions,
): Promise<PrivateConnection[]> {
  const transport = createTransport(options);
  await using _ = { [Symbol.asyncDispose]: () => transport.destroy() };
  const endpoint = { transport, baseUrl: url, token, userAgent: `plan42-runner-config/${version}` };
  try {
    return await listPrivateConnections(endpoint, identity.tenantId, signal);
  } catch (error) {
    throw explain(error);
  }
}

function explain(error: unknown): unknown {
  if (isAuthError(error)) {
    const remedy = 'It may have been revoked, or be another server’s: get a new one.';
    return new SettingError('token', 'token not authorized', ExitCode.token, remedy);
  }
  if (!(error instanceof ApiError || error instanceof ConnectionError)) return error;
  const reason = error.message.slice(`${error.method} ${error.path}: `.length);
  const remedy = 'Check the URL, and whether the server runs.';
  return new SettingError('url', `unable to connect to server: ${reason}`, ExitCode.failed, remedy);
}
