import * as v from 'valibot';
import type { Caller } from './caller.ts';
import type { GithubClient } from './client.ts';
import { nextTokenAfter, type Page, type PageRequest, pageNumberOf, pageSizeOf, required } from './page.ts';
import { repoPath } from './repo-path.ts';

export interface BranchesRequest extends PageRequest {
  orgName?: string | null | undefined;
  repoName?: string | null | undefined;
  search?: string | null | undefined;
}

const Branches = v.array(v.object({ name: v.string() }));

/** Lists the branches of one page whose names contain `search`. @throws GithubError */
export async function listBranches(client: GithubClient, request: BranchesRequest, caller: Caller): Promise<Page> {
  const org = required(request.orgName, 'org name is required');
  const repo = required(request.repoName, 'repo name is required');
  const pageSize = pageSizeOf(request);
  const page = pageNumberOf(request);
  const parameters = { ...repoPath(org, repo), page, per_page: pageSize };
  const { data, headers } = await client.get('/repos/{org}/{repo}/branches', parameters, Branches, caller);
  const names = data.map((branch) => branch.name);
  return {
    items: names.filter((name) => name.includes(request.search ?? '')),
    nextToken: nextTokenAfter(page, headers),
  };
}
