/** GitHub can leave out results and still respond with 200. */
import type { ResponseHeaders } from './rate-limit.ts';

const ssoHint = 'Authorise the token for their single sign-on: "Configure SSO" at';

/**
 * Returns which organisations are left out because they require single sign-on, for which the token is not authorised.
 * Source: docs.github.com, "Authenticating to the REST API", SAML single sign-on: `X-GitHub-SSO: partial-results; …`.
 */
export function missingOrganizations(headers: ResponseHeaders, { origin }: URL): string | undefined {
  const [kind = '', ...parameters] = String(headers['x-github-sso'] ?? '')
    .slice(0, 10_000)
    .split(';');
  if (kind.trim().toLowerCase() !== 'partial-results') return undefined;
  const ids = parameters
    .map((parameter) => parameter.trim())
    .find((parameter) => parameter.startsWith('organizations='))
    ?.slice('organizations='.length)
    .split(',')
    .filter((id) => /^\d{1,20}$/.test(id));
  const which =
    ids && ids.length > 0 ? `${ids.length} organisations (IDs ${ids.slice(0, 10).join(', ')})` : 'organisations';
  return `GitHub left out ${which}. ${ssoHint} ${origin}/settings/tokens.`;
}
