import { parseHost } from '../../gateway/host-name.ts';
import type { ServerRule } from '../../gateway/policy.ts';
import { UserError } from '../../lib/errors.ts';
import { isLoopback } from '../../lib/loopback.ts';

/** The name of a server on this machine's loopback, which inside of a container is the container's own. */
const loopbackName = 'plan42.internal';

/**
 * The rule for the Plan42 server. The agent's token names the server that the agent calls. Only if the configuration names the
 * same host may it be on this machine or in a private network: a token must not open them.
 * @throws UserError
 */
export function serverRule(serverUrl: URL, configured: URL): ServerRule {
  const host = parseHost(serverUrl.hostname.replaceAll(/[[\]]/g, ''));
  if (host === undefined)
    throw new UserError(`cannot enforce which hosts the job reaches: the server ${serverUrl.host} has an invalid name`);
  const port = Number(serverUrl.port) || (serverUrl.protocol === 'https:' ? 443 : 80);
  const isOwn = [serverUrl, configured].every(({ hostname }) => isLoopback(hostname));
  const isSame = serverUrl.host === configured.host || (isOwn && serverUrl.port === configured.port);
  if (isSame && isOwn) return { host: loopbackName, port, connectTo: host.text, mayBeAnywhere: true };
  return { host: host.text, port, mayBeAnywhere: isSame };
}
