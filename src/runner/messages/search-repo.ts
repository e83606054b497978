import { searchRepos } from '../../github/search-repos.ts';
import { SearchRepoRequest } from '../../plan42/messages.ts';
import { createListHandler } from './github-request.ts';

export const createSearchRepoHandler = createListHandler(
  'SearchRepoResponse',
  SearchRepoRequest,
  (client, { OrgName, Search, MaxResults, Token }, caller) =>
    searchRepos(client, { orgName: OrgName, search: Search, maxResults: MaxResults, token: Token }, caller),
);
