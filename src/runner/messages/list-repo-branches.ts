import { listBranches } from '../../github/list-branches.ts';
import { ListRepoBranchesRequest } from '../../plan42/messages.ts';
import { createListHandler } from './github-request.ts';

export const createListRepoBranchesHandler = createListHandler(
  'ListRepoBranchesResponse',
  ListRepoBranchesRequest,
  (client, { OrgName, RepoName, Search, MaxResults, Token }, caller) => {
    const page = { maxResults: MaxResults, token: Token, search: Search };
    return listBranches(client, { orgName: OrgName, repoName: RepoName, ...page }, caller);
  },
);
