import type { Dispatcher } from 'undici';
import type { Connection } from '../config/schema.ts';
import { renderKey } from '../config/toml/render.ts';
import { checkGithubToken, missingScopes } from '../github/check-token.ts';
import { GithubError } from '../github/errors.ts';
import { UserError } from '../lib/errors.ts';
import { createTransport } from '../plan42/transport.ts';
import { type CheckContext, withConfig } from './check.ts';
import { explainConnection } from './explain-connection.ts';
import { type Finding, failed, failedWith, passed, skipped, warning } from './finding.ts';
import { requestTimeoutMs } from './probe-api.ts';

/** Every connection has an ID and a token that GitHub accepts and that has the required scopes. */
export function checkGithub(
  context: CheckContext,
  forMissingToken: typeof failed | typeof warning = failed,
): Promise<readonly Finding[]> {
  return withConfig(context, async ({ github, network }) => {
    const connections = Object.entries(github);
    if (connections.length === 0) return [skipped('github', 'no GitHub connections configured')];
    try {
      // runner.skip_ssl_verify applies to the Plan42 server only.
      const transport = createTransport({ caFile: network.caFile, env: context.env });
      await using _ = { [Symbol.asyncDispose]: () => transport.destroy() };
      const options = { transport, env: context.env, signal: context.signal };
      return await Promise.all(
        connections.map(async ([name, connection]) => {
          const key = renderKey(['github', name]);
          if (!connection.token) {
            return forMissingToken(`${key}.token`, 'missing github token', createToken(key, connection.url));
          }
          if (!connection.connectionId) return missingId(key);
          return checkConnectionToken(key, connection, options);
        }),
      );
    } catch (error) {
      if (error instanceof UserError) return [failedWith('network', error)];
      throw error;
    }
  });
}

function missingId(key: string): Finding {
  const text = `Set ${key}.connection_id to the ID that Plan42 shows.`;
  return warning(key, 'no connection ID, so no task uses it', { text });
}

export interface GithubCheckOptions {
  transport: Dispatcher;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** Requests the owner and the scopes of the token. `key` is the connection, such as `github.work`. @throws the signal's reason */
export async function checkConnectionToken(
  key: string,
  connection: Connection,
  { transport, env, signal }: GithubCheckOptions,
): Promise<Finding> {
  const { url } = connection;
  const subject = `${key}.token`;
  const create = createToken(key, url);
  try {
    const {
      login,
      scopes,
      missing: notSeen,
    } = await checkGithubToken(connection, { transport, signal, timeoutMs: requestTimeoutMs });
    if (notSeen !== undefined)
      return warning(subject, `sees only a part of ${login}’s organisations`, { text: notSeen });
    if (scopes === undefined) return passed(subject, `${login} (fine-grained token, permissions unknown)`);
    const missing = missingScopes(scopes);
    if (missing.length > 0) return warning(subject, `lacks the scope ${missing.join(', ')} (${login})`, create);
    return passed(subject, `${login} (${scopes.join(', ')})`);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof GithubError)) throw error;
    const { status, origin, message } = error;
    if (status === 401 || status === 403) return failed(subject, `token rejected (${status}: ${message})`, create);
    if (status === undefined && origin !== undefined) {
      return explainConnection(origin, `${key}.url`, url, env);
    }
    const text = `Check that ${key}.url is the address of GitHub.`;
    return failed(subject, `${url.host} did not respond like GitHub: ${message}`, { text });
  }
}

function createToken(key: string, { origin }: URL): { text: string } {
  return { text: `Create a token at ${origin}/settings/tokens and set ${key}.token.` };
}
