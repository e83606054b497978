/** GitHub's REST API of pull requests: list, open, change, comment. */
import { type GithubState, makeIssueComment, type PullRequest, type RestAnswer } from './state.ts';

const invalid = (message: string): RestAnswer => ({
  status: 422,
  body: { message: 'Validation Failed', errors: [{ resource: 'PullRequest', code: 'custom', message }] },
});
const notFound: RestAnswer = { status: 404, body: { message: 'Not Found', status: '404' } };

/** `parts` are those after `/repos/org/name`. */
export function answerPullRequests(
  state: GithubState,
  {
    method,
    fullName,
    parts,
    query,
    body,
  }: { method: string; fullName: string; parts: string[]; query: URLSearchParams; body: string },
): RestAnswer {
  const repo = state.repos.get(fullName);
  if (!repo) return notFound;
  const [what, number, more] = parts;
  const found = number === undefined ? undefined : repo.pullRequests.get(Number(number));
  const fields = body === '' ? {} : (JSON.parse(body) as Record<string, string>);
  const render = (pullRequest: PullRequest) => toRest(state, fullName, pullRequest);
  if (what === 'pulls' && number === undefined && method === 'GET') {
    const all = [...repo.pullRequests.values()].filter(
      ({ head, state = 'open' }) =>
        (!query.has('head') || query.get('head') === `${fullName.split('/')[0]}:${head}`) &&
        (query.get('state') ?? 'open') === state,
    );
    return { status: 200, body: all.map(render) };
  }
  if (what === 'pulls' && number === undefined && method === 'POST') return open(state, fullName, fields);
  if (!found) return notFound;
  if (what === 'pulls' && more === undefined && method === 'GET') return { status: 200, body: render(found) };
  if (what === 'pulls' && method === 'PATCH') {
    Object.assign(found, fields);
    return { status: 200, body: render(found) };
  }
  if (what === 'issues' && more === 'comments' && method === 'POST') {
    const comment = makeIssueComment({
      author: { __typename: 'User', login: state.login },
      body: fields['body'] ?? '',
    });
    found.comments.push(comment);
    return { status: 201, body: { id: 1, node_id: comment.id, body: comment.body } };
  }
  return notFound;
}

function open(
  state: GithubState,
  fullName: string,
  { title = '', head = '', base = '', body = '' }: Record<string, string>,
): RestAnswer {
  const repo = state.repos.get(fullName);
  if (!repo) return notFound;
  const isOpen = [...repo.pullRequests.values()].some(
    (other) => other.head === head && (other.state ?? 'open') === 'open',
  );
  if (isOpen) return invalid(`A pull request already exists for ${fullName.split('/')[0]}:${head}.`);
  const number = repo.pullRequests.size + 1;
  const pullRequest: PullRequest = {
    id: `PR_${fullName}_${number}`,
    number,
    title,
    body,
    head,
    base,
    reviewThreads: [],
    comments: [],
    reviews: [],
  };
  repo.pullRequests.set(number, pullRequest);
  return { status: 201, body: toRest(state, fullName, pullRequest) };
}

/** A pull request as the REST API has it. */
export function toRest({ webUrl }: Pick<GithubState, 'webUrl'>, fullName: string, pullRequest: PullRequest) {
  const { id, number = 0, title = '', body = '', state = 'open', head = '', base = '' } = pullRequest;
  const { draft = false, merged = false, updatedAt = '2026-01-02T03:04:05Z', author = 'octo' } = pullRequest;
  return {
    ...{ number, id: pullRequest.restId ?? 1000 + number, node_id: id, title, body, state, draft, merged },
    merged_at: merged ? updatedAt : null,
    updated_at: updatedAt,
    user: { login: author },
    html_url: `${webUrl}/${fullName}/pull/${number}`,
    head: { ref: head, repo: { full_name: fullName } },
    base: { ref: base },
  };
}
