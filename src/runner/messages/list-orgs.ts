import { listOrgs } from '../../github/list-orgs.ts';
import { ListOrgsForGithubConnectionRequest } from '../../plan42/messages.ts';
import { createListHandler } from './github-request.ts';

export const createListOrgsHandler = createListHandler(
  'ListOrgsForGithubConnectionResponse',
  ListOrgsForGithubConnectionRequest,
  (client, { MaxResults, Token, Search }, caller) =>
    listOrgs(client, { maxResults: MaxResults, token: Token, search: Search }, caller),
);
