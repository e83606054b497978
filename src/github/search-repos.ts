import * as v from 'valibot';
import type { Caller } from './caller.ts';
import type { GithubClient } from './client.ts';
import { GithubError } from './errors.ts';
import { nextTokenAfter, type Page, type PageRequest, pageNumberOf, pageSizeOf, required } from './page.ts';

export interface RepoSearch extends PageRequest {
  orgName?: string | null | undefined;
  search?: string | null | undefined;
}

const Results = v.object({ items: v.array(v.object({ full_name: v.string() })) });

/** One page of an organisation's repositories that GitHub's search finds, forks included. @throws GithubError */
export async function searchRepos(client: GithubClient, request: RepoSearch, caller: Caller): Promise<Page> {
  const org = required(request.orgName, 'org name is required');
  const search = required(request.search, 'search query is required');
  requireLogin(org);
  const pageSize = pageSizeOf(request);
  const page = pageNumberOf(request);
  const query = { q: `${search} org:${org} fork:true`, page, per_page: pageSize };
  const { data, headers } = await client.get('/search/repositories', query, Results, caller);
  return { items: data.items.map((repo) => repo.full_name), nextToken: nextTokenAfter(page, headers) };
}

/** In a query, any other name would be more than a name. */
function requireLogin(org: string): void {
  if (/^[\w-]+$/.test(org)) return;
  throw new GithubError(`invalid org name: ${org.slice(0, 200)}`, { forLog: 'invalid org name' });
}
