import { badRequest, type GithubError } from './errors.ts';

export interface RepoPath {
  org: string;
  repo: string;
}

/**
 * The parts of a path below `/repos`, to be percent-encoded.
 * @throws GithubError for names that would make another path of it, which percent-encoding does not prevent
 */
export function repoPath(org: string, repo: string): RepoPath {
  for (const name of [org, repo]) {
    if (name === '' || name === '.' || name === '..') throw invalidRepo(`${org}/${repo}`);
  }
  return { org, repo };
}

/** Takes `org/repo` apart. @throws GithubError */
export function parseRepoPath(name: string): RepoPath {
  const [org = '', repo = '', ...more] = name.split('/');
  if (org === '' || repo === '' || more.length > 0) {
    throw badRequest(`invalid repo format ${JSON.stringify(name.slice(0, 200))}: expected owner/repo`, {
      forLog: 'invalid repo format',
    });
  }
  return repoPath(org, repo);
}

function invalidRepo(name: string): GithubError {
  return badRequest(`invalid repo name: ${name.slice(0, 200)}`, { forLog: 'invalid repo name' });
}
