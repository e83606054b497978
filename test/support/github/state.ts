import { seededRandom } from '../random.ts';

/** The fields of GitHub's GraphQL schema that feedback is made of; lists are served as connections. */
export interface Comment {
  __typename: 'PullRequestReviewComment' | 'IssueComment';
  id: string;
  author: Actor | null;
  body: string;
  createdAt: string;
  isMinimized: boolean;
  minimizedReason: string | null;
  diffHunk?: string;
  path?: string;
  commit?: { oid: string } | null;
  startLine?: number | null;
  originalStartLine?: number | null;
}

export interface Actor {
  __typename: 'User' | 'Bot';
  login: string;
}

export interface Thread {
  __typename: 'PullRequestReviewThread';
  id: string;
  isResolved: boolean;
  comments: Comment[];
}

interface Review {
  __typename: 'PullRequestReview';
  id: string;
  author: Actor | null;
  body: string;
  createdAt: string;
  commit: { oid: string } | null;
}

export interface PullRequest {
  id: string;
  number?: number;
  title?: string;
  body?: string;
  /** `open` or `closed`. */
  state?: string;
  author?: string;
  draft?: boolean;
  merged?: boolean;
  updatedAt?: string;
  /** Its ID in the REST API. */
  restId?: number;
  /** The branch with the changes. */
  head?: string;
  base?: string;
  reviewThreads: Thread[];
  comments: Comment[];
  reviews: Review[];
}

export interface Repo {
  defaultBranch: string;
  branches: string[];
  pullRequests: Map<number, PullRequest>;
}

/** A response of the REST API. */
export interface RestAnswer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** The contents of a fake GitHub, and the view of one user. */
export interface GithubState {
  token: string;
  login: string;
  orgs: string[];
  /** The header `X-GitHub-SSO`, if organisations are left out. */
  sso: string | undefined;
  /** Whether a search stops before it is complete. */
  isSearchIncomplete: boolean;
  /** By `org/repo`. */
  repos: Map<string, Repo>;
  /** From an old `org/repo` to the new one. */
  renamed: Map<string, string>;
  /** Requests left in this hour. */
  quota: number;
  /** When the hour is over, in seconds. */
  resetAt: number;
  /** Where people see pull requests. */
  webUrl: string;
  /** The feed of each organisation, by its name, the newest event first. */
  feeds: Map<string, GithubEvent[]>;
  /** The header `X-Poll-Interval` of feeds. */
  pollInterval: string | undefined;
}

/** An event of a feed, as GitHub's REST API has it. */
export interface GithubEvent {
  id: string;
  type: string;
  actor: { login: string };
  repo: { name: string };
  payload: object;
  created_at: string;
}

export function makeState(state: Partial<GithubState> = {}): GithubState {
  return {
    // Not of GitHub's newer form, which the logger would strike out wherever it came from.
    token: 'doublesecret0123456789',
    login: 'octo',
    orgs: ['acme'],
    sso: undefined,
    isSearchIncomplete: false,
    repos: new Map([['acme/app', makeRepo()]]),
    renamed: new Map(),
    quota: 5000,
    resetAt: Math.floor(Date.now() / 1000) + 3600,
    webUrl: 'https://github.example.com',
    feeds: new Map(),
    pollInterval: '60',
    ...state,
  };
}

export function makeRepo(repo: Partial<Repo> = {}): Repo {
  return { defaultBranch: 'main', branches: ['main'], pullRequests: new Map(), ...repo };
}

const user = (login: string): Actor => ({ __typename: 'User', login });
let lastId = 0;
const newId = (kind: string) => {
  lastId += 1;
  return `${kind}_${lastId}`;
};

export function makeReviewComment(fields: Partial<Comment> = {}): Comment {
  return {
    __typename: 'PullRequestReviewComment',
    id: newId('PRRC'),
    author: user('ann'),
    body: 'please rename',
    createdAt: '2026-01-02T03:04:05Z',
    isMinimized: false,
    minimizedReason: null,
    diffHunk: '@@ -1 +1 @@\n-a\n+b',
    path: 'src/a.ts',
    commit: { oid: 'a'.repeat(40) },
    startLine: 3,
    originalStartLine: 2,
    ...fields,
  };
}

export function makeThread(comments: Comment[], fields: Partial<Thread> = {}): Thread {
  return { __typename: 'PullRequestReviewThread', id: newId('PRRT'), isResolved: false, comments, ...fields };
}

export function makeIssueComment(fields: Partial<Comment> = {}): Comment {
  const { author, createdAt, isMinimized, minimizedReason } = makeReviewComment();
  const said = { author, body: 'please explain', createdAt, isMinimized, minimizedReason };
  return { __typename: 'IssueComment', id: newId('IC'), ...said, ...fields };
}

export function makeReview(fields: Partial<Review> = {}): Review {
  const { author, createdAt } = makeReviewComment();
  const commit = { oid: 'b'.repeat(40) };
  return { __typename: 'PullRequestReview', id: newId('PRR'), author, body: 'fine', createdAt, commit, ...fields };
}

export interface Sizes {
  threads: number;
  /** Of each thread. */
  threadComments: (thread: number) => number;
  comments: number;
  reviews: number;
}

/** A pull request that people talked about a lot; every body says which it is. */
export function makePullRequest({ threads, threadComments, comments, reviews }: Sizes): PullRequest {
  const random = seededRandom(7);
  const author = () => user(['ann', 'ben', 'cleo'][Math.floor(random() * 3)] ?? '');
  const many = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, index) => make(index));
  return {
    id: newId('PR'),
    reviewThreads: many(threads, (thread) =>
      makeThread(
        many(threadComments(thread), (index) => makeReviewComment({ author: author(), body: `t${thread}c${index}` })),
        { isResolved: random() < 0.5 },
      ),
    ),
    comments: many(comments, (index) => makeIssueComment({ author: author(), body: `c${index}` })),
    reviews: many(reviews, (index) => makeReview({ author: author(), body: `r${index}` })),
  };
}

export const noDiscussion: Sizes = { threads: 0, threadComments: () => 0, comments: 0, reviews: 0 };
