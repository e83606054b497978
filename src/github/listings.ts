/** The data that Plan42 lists from GitHub. */
import * as v from 'valibot';
import { mapConcurrently } from '../lib/map-concurrently.ts';
import type {
  GetDefaultBranchesResponse,
  ListOrgsForGithubConnectionRequest,
  ListRepoBranchesRequest,
  SearchRepoRequest,
} from '../plan42/messages.ts';
import type { Caller } from './caller.ts';
import type { GithubClient } from './client.ts';
import { about, badRequest } from './errors.ts';
import {
  hasNextPage,
  type NamePage,
  nextTokenAfter,
  pageNumberOf,
  pageSizeOf,
  readPageToken,
  required,
  writePageToken,
} from './page.ts';
import { parseRepoPath, repoPath } from './repo-path.ts';

/** An account as GitHub's API describes it. */
export const Account = v.object({ login: v.string() });

/**
 * Lists one page of the token user's organisations, followed by the user's own login: on the last page if there is room,
 * otherwise on a page of its own.
 * @throws GithubError
 */
export async function listOrgs(
  client: GithubClient,
  request: ListOrgsForGithubConnectionRequest,
  caller: Caller,
): Promise<NamePage> {
  const pageSize = pageSizeOf(request);
  const page = readPageToken(request.Token);
  const matches = (login: string) => login.includes(request.Search ?? '');
  const ownLogins = async () => {
    const { login } = (await client.get('/user', {}, Account, caller)).data;
    return matches(login) ? [login] : [];
  };
  if (page === undefined) return { items: await ownLogins(), nextToken: null };
  const query = { page, per_page: pageSize };
  const { data, headers } = await client.get('/user/orgs', query, v.array(Account), caller);
  const items = data.map((org) => org.login).filter(matches);
  const missing = noteOf(client.missingIn(headers));
  if (hasNextPage(headers)) return { items, nextToken: writePageToken(page + 1), ...missing };
  // Their page has no room for the user’s own login, which is left to the request for the next one.
  if (items.length === pageSize) return { items, nextToken: writePageToken(), ...missing };
  const own = await ownLogins();
  if (items.length + own.length <= pageSize) return { items: [...items, ...own], nextToken: null, ...missing };
  return { items, nextToken: writePageToken(), ...missing };
}

function noteOf(incomplete: string | undefined): Pick<NamePage, 'incomplete'> {
  return incomplete === undefined ? {} : { incomplete };
}

const SearchResults = v.object({
  incomplete_results: v.optional(v.boolean(), false),
  items: v.array(v.object({ full_name: v.string() })),
});
const searchTimedOut = 'GitHub stopped the search before it was complete. Search for a longer part of the name.';

/** Lists one page of an organisation's repositories that GitHub's search finds, forks included. @throws GithubError */
export async function searchRepos(client: GithubClient, request: SearchRepoRequest, caller: Caller): Promise<NamePage> {
  const org = required(request.OrgName, 'org name is required');
  const search = required(request.Search, 'search query is required');
  requireLogin(org);
  const pageSize = pageSizeOf(request);
  const page = pageNumberOf(request);
  const query = { q: `${search} org:${org} fork:true`, page, per_page: pageSize };
  const { data, headers } = await client.get('/search/repositories', query, SearchResults, caller);
  const incomplete = client.missingIn(headers) ?? (data.incomplete_results ? searchTimedOut : undefined);
  return {
    items: data.items.map((repo) => repo.full_name),
    nextToken: nextTokenAfter(page, headers),
    ...noteOf(incomplete),
  };
}

// In a query, any other name could add a condition.
function requireLogin(org: string): void {
  if (/^[\w-]+$/.test(org)) return;
  throw badRequest(`invalid org name: ${org.slice(0, 200)}`, { forLog: 'invalid org name' });
}

const Branches = v.array(v.object({ name: v.string() }));

/** Lists the branches of one page whose names contain `Search`. @throws GithubError */
export async function listBranches(
  client: GithubClient,
  request: ListRepoBranchesRequest,
  caller: Caller,
): Promise<NamePage> {
  const org = required(request.OrgName, 'org name is required');
  const repo = required(request.RepoName, 'repo name is required');
  const pageSize = pageSizeOf(request);
  const page = pageNumberOf(request);
  const parameters = { ...repoPath(org, repo), page, per_page: pageSize };
  const { data, headers } = await client.get('/repos/{org}/{repo}/branches', parameters, Branches, caller);
  const names = data.map((branch) => branch.name);
  const items = names.filter((name) => name.includes(request.Search ?? ''));
  return { items, nextToken: nextTokenAfter(page, headers), ...noteOf(client.missingIn(headers)) };
}

const Repository = v.object({ default_branch: v.string() });
const maxConcurrentRepos = 10;

/** Returns the default branch of each repository, in the given order. @throws GithubError that names the repository */
export async function getDefaultBranches(
  client: GithubClient,
  repos: readonly string[],
  caller: Caller,
): Promise<NonNullable<GetDefaultBranchesResponse['Items']>> {
  if (repos.length === 0) throw badRequest('repos is required');
  const paths = repos.map((repo) => ({ repo, path: parseRepoPath(repo) }));
  return mapConcurrently(paths, maxConcurrentRepos, caller.signal, async ({ repo, path }, signal) => {
    try {
      const { data } = await client.get('/repos/{org}/{repo}', { ...path }, Repository, { ...caller, signal });
      return { Repo: repo, DefaultBranch: data.default_branch };
    } catch (error) {
      throw about(repo, error);
    }
  });
}
