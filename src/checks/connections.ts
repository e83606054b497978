import type { Config, Connection } from '../config/schema.ts';
import { renderKey } from '../config/toml/render.ts';
import { ApiError, ConnectionError } from '../plan42/errors.ts';
import { listPrivateConnections, type PrivateConnection } from '../plan42/github-connections.ts';
import { parseRunnerToken } from '../plan42/runner-token.ts';
import { createTransport } from '../plan42/transport.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, passed, skipped, warning } from './finding.ts';
import { type ApiProbe, isAccepted } from './probe-api.ts';
import { serverSettings } from './server.ts';

const subject = 'github';

/** The configuration has the private GitHub connections of the tenant. */
export function checkConnections(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(
    context,
    async (config) => {
      const { problems } = await context.readConfig();
      // A connection with an error would seem to be missing.
      if (problems.some(({ severity, message }) => severity === 'error' && /^github\b/.test(message))) {
        return [skipped('connections', 'the GitHub connections have errors')];
      }
      const probe = await context.probeApi().catch(() => undefined);
      if (probe === undefined || !isAccepted(probe)) return [skipped('connections', whyNotListed(probe))];
      try {
        return compare(await fetchConnections(config, context), config.github);
      } catch (error) {
        if (!(error instanceof ApiError || error instanceof ConnectionError)) throw error;
        return [
          warning(subject, `cannot list the connections of the tenant: ${error.message}`, { text: 'Try again.' }),
        ];
      }
    },
    serverSettings,
  );
}

/** The check of the server has the details. */
function whyNotListed(probe: ApiProbe | undefined): string {
  if (probe === undefined) return 'the server was not asked for them, because it was not reached';
  if (!probe.authorized) return 'the server was not asked for them, because there is no valid token';
  if (probe.status === 401 || probe.status === 403) return 'the server did not accept the token';
  return `the server was not asked for them, because it returned ${probe.status} before`;
}

/** Lists the tenant's private GitHub connections. @throws ApiError, ConnectionError, the signal's reason */
export async function fetchConnections(
  { runner, network }: Config,
  { env, version, signal }: Pick<CheckContext, 'env' | 'version' | 'signal'>,
): Promise<PrivateConnection[]> {
  const { skipSslVerify, url, token = '' } = runner;
  const transport = createTransport({ caFile: network.caFile, skipSslVerify, env });
  await using _ = { [Symbol.asyncDispose]: () => transport.destroy() };
  const endpoint = { transport, baseUrl: url, token, userAgent: `plan42/${version}` };
  const { tenantId } = parseRunnerToken(token);
  return await listPrivateConnections(endpoint, tenantId, signal);
}

function compare(
  connections: readonly PrivateConnection[],
  configured: Readonly<Record<string, Connection>>,
): Finding[] {
  const isSameId = (a: string | undefined, b: string) => a?.toLowerCase() === b.toLowerCase();
  const missing = connections.filter(
    ({ ConnectionID }) => !Object.values(configured).some(({ connectionId }) => isSameId(connectionId, ConnectionID)),
  );
  const unknown = Object.entries(configured).filter(
    ([, { connectionId }]) => !connections.some(({ ConnectionID }) => isSameId(connectionId, ConnectionID)),
  );
  const findings = [
    ...missing.map(({ ConnectionID, Name }) =>
      warning(subject, `${Name ? `${Name} (${ConnectionID})` : ConnectionID} is not configured here`, {
        text: 'Add a [github.NAME] table with its connection_id and a token.',
      }),
    ),
    ...unknown.map(([name]) =>
      warning(renderKey([subject, name]), 'not a private connection of the tenant', {
        text: 'Correct its connection_id, or remove the table.',
      }),
    ),
  ];
  if (findings.length > 0) return findings;
  if (connections.length === 0) return [skipped('connections', 'the tenant has no private connections')];
  return [passed('connections', `all ${connections.length} private connections of the tenant are configured`)];
}
