import type { Connection } from '../../../../config/schema.ts';
import { checkGithubToken, type GithubTokenInfo } from '../../../../github/check-token.ts';
import { GithubError } from '../../../../github/errors.ts';
import { missingScopes } from '../../../../github/scopes.ts';
import { createTransport } from '../../../../plan42/transport.ts';
import { answerMs, type CheckContext, withConfig } from '../check.ts';
import { explainConnection } from '../connection-failure.ts';
import { combine, type Finding, failed, ok, skipped, warning } from '../finding.ts';

/** Every connection: it has a token, GitHub takes it, and it has the scopes that the runner needs. */
export function checkGithub(context: CheckContext): Promise<Finding> {
  return withConfig(context, async (config) => {
    const connections = Object.entries(config.github);
    if (connections.length === 0) return skipped('there are no GitHub connections in the configuration');
    // runner.skip_ssl_verify is about the Plan42 server alone.
    const transport = createTransport({ caFile: config.network.caFile, env: context.env });
    try {
      const { signal } = context;
      const findings = connections.map(async ([name, connection]) => {
        const ask = () => checkGithubToken(connection, { transport, signal, timeoutMs: answerMs });
        return labelled(name, await checkConnection(name, connection, context, ask));
      });
      return combine(await Promise.all(findings));
    } finally {
      await transport.destroy();
    }
  });
}

const labelled = (name: string, finding: Finding): Finding => ({
  ...finding,
  found: finding.found.map((found) => `${name}: ${found}`),
});

async function checkConnection(
  name: string,
  { token, connectionId, url }: Connection,
  { env, paths, signal }: CheckContext,
  ask: () => Promise<GithubTokenInfo>,
): Promise<Finding> {
  if (!connectionId) {
    return warning('it has no connection ID, so no task uses it', {
      text: `Set github.${name}.connection_id in ${paths.configFile} to the one in Plan42.`,
    });
  }
  const renew = {
    text: `Make a token at ${url.origin}/settings/tokens and set github.${name}.token in ${paths.configFile}.`,
  };
  if (!token) return failed('it has no token', renew);
  try {
    const { login, scopes } = await ask();
    return judgeScopes(login, url, scopes, renew);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof GithubError)) throw error;
    const { status, origin, message } = error;
    if (status === 401 || status === 403) return failed(`${url.host} refuses its token (${status}: ${message})`, renew);
    if (status === undefined && origin !== undefined) {
      return explainConnection(origin, `github.${name}.url`, url, env);
    }
    const text = `Correct github.${name}.url in ${paths.configFile}, if that is not GitHub.`;
    return failed(`${url.host} does not answer as GitHub does: ${message}`, { text });
  }
}

function judgeScopes(login: string, url: URL, scopes: readonly string[] | undefined, renew: { text: string }): Finding {
  const who = `${login} at ${url.host}`;
  if (scopes === undefined) return ok(`${who}, with a fine-grained token, which does not tell what it may do`);
  const missing = missingScopes(scopes);
  if (missing.length === 0) return ok(`${who}, with the scopes ${scopes.join(', ')}`);
  return warning(`${who}, but the token has not the scope ${missing.join(', ')}`, renew);
}
