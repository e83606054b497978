export interface GithubEndpoints {
  /** Without a slash at the end. */
  rest: string;
  graphql: string;
}

/**
 * Where the API of a connection is: github.com has a host for it; a GitHub Enterprise Server has REST below the
 * connection's URL, its path included, and GraphQL at the root of its host.
 */
export function githubEndpoints(url: URL): GithubEndpoints {
  if (url.host === 'github.com') {
    return { rest: 'https://api.github.com', graphql: 'https://api.github.com/graphql' };
  }
  const base = url.origin + url.pathname.replace(/\/+$/, '');
  return { rest: `${base}/api/v3`, graphql: `${url.origin}/api/graphql` };
}
