/**
 * A git server with the demo's repository (`git http-backend`), and a GitHub for its pull requests, which it also shows on
 * a page. Both are real HTTP servers on loopback.
 */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type GitServer, startGitServer } from '../../test/support/git-server.ts';
import { startGithub } from '../../test/support/github/double.ts';
import { makeRepo, makeReviewComment, makeThread, type PullRequest } from '../../test/support/github/state.ts';
import type { SeenRequest } from '../../test/support/http-server.ts';
import { renderPullRequest, withoutMarkup } from './page.ts';
import { files, repository, review } from './repository.ts';

export interface DemoGithub extends AsyncDisposable {
  url: string;
  token: string;
  git: (...args: string[]) => Promise<string>;
  /** The bare repository. */
  folder: string;
  /** The pull request of the task, when there is one. */
  pullRequest: () => PullRequest | undefined;
  pageOf: (pullRequest: PullRequest) => string;
  /** The changes of the pull request. */
  diff: (pullRequest: PullRequest) => Promise<string>;
  /** The content of all files of a branch. */
  filesOf: (branch: string) => Promise<Record<string, string>>;
  /** Comments on the pull request, as a reviewer does at GitHub. Returns the line. */
  comment: (pullRequest: PullRequest) => Promise<number>;
  /** The reply to the reviewer. */
  reply: (pullRequest: PullRequest) => string;
}

export async function startDemoGithub(folder: string): Promise<DemoGithub> {
  await using resources = new AsyncDisposableStack();
  const token = randomBytes(12).toString('hex');
  const repos = new Map([[repository, makeRepo()]]);
  const github = resources.use(await startGithub({ state: { token, repos, login: 'plan42-demo' } }));
  const isPage = ({ method, url }: SeenRequest) => method === 'GET' && !url.startsWith('/api/');
  const server: GitServer = resources.use(
    await startGitServer(join(folder, 'git'), {
      password: token,
      api: async (response, request) => {
        if (isPage(request)) await sendPage(response, request);
        else await github.server.answer(response, request);
      },
    }),
  );
  github.state.webUrl = server.url;
  const bare = await server.create(repository);
  await server.commit(repository, files, { message: 'Start a shop' });
  const pullRequests = () => [...(repos.get(repository)?.pullRequests.values() ?? [])];
  const git = (...args: string[]) => server.git(repository, ...args);
  const diff = ({ base = '', head = '' }: PullRequest, ...paths: string[]) =>
    git('diff', `${base}...${head}`, '--', ...paths);

  async function sendPage(response: ServerResponse, { url }: SeenRequest): Promise<void> {
    const number = Number(url.split(`/${repository}/pull/`)[1]);
    const found = pullRequests().find((each) => each.number === number);
    if (found === undefined) return void response.writeHead(404).end('There is no such page.\n');
    const commits = await git('log', '--reverse', '--format=%h %an: %s', `${found.base}..${found.head}`);
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    });
    response.end(renderPullRequest({ repository, pullRequest: found, commits, diff: await diff(found) }));
  }

  const owned = resources.move();
  return {
    url: server.url,
    token,
    git,
    folder: bare,
    pullRequest: () => pullRequests().at(-1),
    pageOf: ({ number }) => `${server.url}/${repository}/pull/${number}`,
    diff: (pullRequest) => diff(pullRequest),
    filesOf: async (branch) => {
      const paths = (await git('ls-tree', '-r', '--name-only', branch)).split('\n');
      return Object.fromEntries(
        await Promise.all(paths.map(async (path) => [path, await git('show', `${branch}:${path}`)])),
      );
    },
    comment: async (pullRequest) => {
      const hunk = (await diff(pullRequest, review.path)).split(/^(?=@@ )/m)[1] ?? '';
      const line = lineOf(hunk);
      const { path, comment: body, author: login } = review;
      const author = { __typename: 'User' as const, login };
      const place = { path, diffHunk: hunk.trimEnd(), startLine: line, originalStartLine: line };
      pullRequest.reviewThreads.push(makeThread([makeReviewComment({ body, author, ...place })]));
      return line;
    },
    reply: ({ reviewThreads }) => withoutMarkup(reviewThreads.at(-1)?.comments.slice(1).at(-1)?.body ?? ''),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The first added line of a hunk. */
function lineOf(hunk: string): number {
  const [header = '', ...lines] = hunk.split('\n');
  const start = Number(/\+(\d+)/.exec(header)?.[1] ?? 1);
  const kept = lines.filter((line) => !line.startsWith('-'));
  return (
    start +
    Math.max(
      0,
      kept.findIndex((line) => line.startsWith('+')),
    )
  );
}
