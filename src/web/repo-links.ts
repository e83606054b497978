/** Links to what an agent pushed. The server does not know the URL of a connection's GitHub, but the pull request's has it. */

/** Returns the URL of a repository on the server of its pull request. Undefined if that is of another repository. */
function repoUrl(repo: string, pullRequest: string | undefined): string | undefined {
  const parsed = pullRequest === undefined ? null : URL.parse(pullRequest);
  return parsed?.pathname.startsWith(`/${repo}/pull/`) ? `${parsed.origin}/${repo}` : undefined;
}

export function branchUrl(repo: string, branch: string, pullRequest: string | undefined): string | undefined {
  // A lone surrogate cannot be part of an address.
  const base = branch.isWellFormed() ? repoUrl(repo, pullRequest) : undefined;
  return base && `${base}/tree/${branch.split('/').map(encodeURIComponent).join('/')}`;
}

export function commitUrl(repo: string, hash: string, pullRequest: string | undefined): string | undefined {
  const base = repoUrl(repo, pullRequest);
  return base && /^[\da-f]{7,64}$/.test(hash) ? `${base}/commit/${hash}` : undefined;
}
