// Required of a classic token to clone, push and list organisations.
const neededScopes = ['repo', 'read:org'];

/** Those that a classic token needs for the runner and its agents, and has not. */
export function missingScopes(scopes: readonly string[]): string[] {
  return neededScopes.filter((scope) => !isImplied(scope, scopes));
}

function isImplied(scope: string, scopes: readonly string[]): boolean {
  return scopes.includes(scope) || (scope === 'read:org' && ['write:org', 'admin:org'].some((s) => scopes.includes(s)));
}
