/** The few calls of GitHub's REST API that the runner and the agent make. */
import { answerPullRequests } from './pull-requests.ts';
import type { GithubState, RestAnswer } from './state.ts';

const notFound: RestAnswer = {
  status: 404,
  body: { message: 'Not Found', documentation_url: 'https://docs', status: '404' },
};

/** `path` is below the API's root, percent-encoded; `url` is what links are made of. */
export function answerRest(
  state: GithubState,
  path: string,
  query: URLSearchParams,
  url: string,
  { method, body } = { method: 'GET', body: '' },
): RestAnswer {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  if (parts[0] === 'repos' && (parts[3] === 'pulls' || parts[3] === 'issues')) {
    const fullName = parts.slice(1, 3).join('/');
    return answerPullRequests(state, { method, fullName, parts: parts.slice(3), query, body });
  }
  if (method !== 'GET') return notFound;
  if (path === '/user')
    return { status: 200, body: { login: state.login, id: 1 }, headers: { 'x-oauth-scopes': 'repo, read:org' } };
  if (path === '/user/orgs') {
    const answer = page(
      state.orgs.map((login) => ({ login, id: 1 })),
      query,
      url,
    );
    return state.sso === undefined ? answer : { ...answer, headers: { ...answer.headers, 'x-github-sso': state.sso } };
  }
  if (parts[0] === 'users' && parts[2] === 'events') return feed(state, parts, query, url);
  if (path === '/search/repositories') return search(state, query, url);
  if (parts[0] === 'repos') return repository(state, parts.slice(1), query, url);
  return notFound;
}

// As GitHub: three pages of a hundred at most.
function feed(state: GithubState, [, login, , , org = '']: string[], query: URLSearchParams, url: string): RestAnswer {
  if (login !== state.login) return notFound;
  const answer = page((state.feeds.get(org) ?? []).slice(0, 300), query, url);
  const interval = state.pollInterval;
  return { ...answer, headers: { ...answer.headers, ...(interval !== undefined && { 'x-poll-interval': interval }) } };
}

function repository(
  state: GithubState,
  [org = '', name = '', what, ...more]: string[],
  query: URLSearchParams,
  url: string,
): RestAnswer {
  const fullName = `${org}/${name}`;
  const renamed = state.renamed.get(fullName);
  if (renamed !== undefined) {
    const location = url.replace(fullName, renamed);
    return { status: 301, body: { message: 'Moved Permanently', url: location }, headers: { location } };
  }
  const repo = state.repos.get(fullName);
  if (!repo || more.length > 0) return notFound;
  if (what === undefined) return { status: 200, body: { full_name: fullName, default_branch: repo.defaultBranch } };
  if (what !== 'branches') return notFound;
  return page(
    repo.branches.map((name) => ({ name, commit: { sha: 'a'.repeat(40) }, protected: false })),
    query,
    url,
  );
}

function search(state: GithubState, query: URLSearchParams, url: string): RestAnswer {
  const [, text, org] = /^(.*) org:(\S+) fork:true$/.exec(query.get('q') ?? '') ?? [];
  if (text === undefined || org === undefined) {
    return {
      status: 422,
      body: { message: 'Validation Failed', errors: [{ message: 'The query is odd', resource: 'Search' }] },
    };
  }
  const found = [...state.repos.keys()].filter((name) => name.startsWith(`${org}/`) && name.includes(text));
  const first = found.slice(0, 1000).map((full_name) => ({ full_name }));
  const answer = page(first, query, url);
  return {
    ...answer,
    body: { total_count: found.length, incomplete_results: state.isSearchIncomplete, items: answer.body },
  };
}

function page(items: object[], query: URLSearchParams, url: string): RestAnswer & { body: object[] } {
  const number = Math.max(1, Number(query.get('page') ?? 1));
  const size = Math.min(100, Number(query.get('per_page') ?? 30));
  const last = Math.max(1, Math.ceil(items.length / size));
  const link = (page: number, rel: string) => {
    const target = new URL(url);
    target.searchParams.set('page', String(page));
    return `<${target.href}>; rel="${rel}"`;
  };
  const links = [
    ...(number > 1 ? [link(number - 1, 'prev'), link(1, 'first')] : []),
    ...(number < last ? [link(number + 1, 'next'), link(last, 'last')] : []),
  ];
  const body = items.slice((number - 1) * size, number * size);
  return { status: 200, body, ...(links.length > 0 && { headers: { link: links.join(', ') } }) };
}
