import * as v from 'valibot';
import type { Caller } from './caller.ts';
import type { GithubClient } from './client.ts';
import { hasNextPage, type Page, type PageRequest, pageSizeOf } from './page.ts';
import { readPageToken, writePageToken } from './page-token.ts';

export interface OrgsRequest extends PageRequest {
  search?: string | null | undefined;
}

const Account = v.object({ login: v.string() });

/**
 * Lists one page of the token user's organisations, followed by the user's own login: on the last page if there is room,
 * otherwise on a page of its own.
 * @throws GithubError
 */
export async function listOrgs(client: GithubClient, request: OrgsRequest, caller: Caller): Promise<Page> {
  const pageSize = pageSizeOf(request);
  const page = readPageToken(request.token);
  const matches = (login: string) => login.includes(request.search ?? '');
  const ownLogins = async () => {
    const { login } = (await client.get('/user', {}, Account, caller)).data;
    return matches(login) ? [login] : [];
  };
  if (page === undefined) return { items: await ownLogins(), nextToken: null };
  const query = { page, per_page: pageSize };
  const { data, headers } = await client.get('/user/orgs', query, v.array(Account), caller);
  const items = data.map((org) => org.login).filter(matches);
  if (hasNextPage(headers)) return { items, nextToken: writePageToken(page + 1) };
  const own = await ownLogins();
  if (items.length + own.length <= pageSize) return { items: [...items, ...own], nextToken: null };
  return { items, nextToken: writePageToken() };
}
