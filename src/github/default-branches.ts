import * as v from 'valibot';
import { mapConcurrently } from '../lib/map-concurrently.ts';
import type { Caller } from './caller.ts';
import type { GithubClient } from './client.ts';
import { about } from './errors.ts';
import { parseRepo } from './repo-path.ts';

export interface DefaultBranch {
  repo: string;
  defaultBranch: string;
}

const Repository = v.object({ default_branch: v.string() });

const maxConcurrentRepos = 10;

/** Returns the default branch of each repository, in the given order. @throws GithubError that names the repository */
export async function getDefaultBranches(
  client: GithubClient,
  repos: readonly string[],
  caller: Caller,
): Promise<DefaultBranch[]> {
  const paths = repos.map((repo) => ({ repo, path: parseRepo(repo) }));
  return mapConcurrently(paths, maxConcurrentRepos, caller.signal, async ({ repo, path }, signal) => {
    try {
      const { data } = await client.get('/repos/{org}/{repo}', { ...path }, Repository, { ...caller, signal });
      return { repo, defaultBranch: data.default_branch };
    } catch (error) {
      throw about(repo, error);
    }
  });
}
