import { missingScopes } from '../../github/scopes.ts';

/** Whose GitHub token it is, and what it may do; not `ok` where that is too little. */
export function describeToken({ login, scopes }: { login: string; scopes: readonly string[] | undefined }): {
  ok: boolean;
  text: string;
} {
  if (scopes === undefined) return { ok: true, text: login };
  const missing = missingScopes(scopes);
  if (missing.length > 0) return { ok: false, text: `lacks the scope ${missing.join(', ')} (${login})` };
  return { ok: true, text: `${login} (${scopes.join(', ')})` };
}
