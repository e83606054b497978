import { trimEnd } from '../lib/trim-end.ts';

export interface GithubEndpoints {
  /** Without a trailing slash. */
  rest: string;
  graphql: string;
}

/**
 * Returns the API endpoints of a connection. github.com has a separate host; GitHub Enterprise Server has REST below the
 * connection's URL and GraphQL at the root of the host.
 */
export function githubEndpoints(url: URL): GithubEndpoints {
  if (url.host === 'github.com') {
    return { rest: 'https://api.github.com', graphql: 'https://api.github.com/graphql' };
  }
  const base = url.origin + trimEnd(url.pathname, '/');
  return { rest: `${base}/api/v3`, graphql: `${url.origin}/api/graphql` };
}
