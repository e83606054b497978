/** Whose GitHub token it is, and what it may do. */
export function describeToken({ login, scopes }: { login: string; scopes: readonly string[] | undefined }): string {
  if (scopes === undefined) return login;
  return `${login} (${scopes.length === 0 ? 'no scopes' : scopes.join(', ')})`;
}
