/** Events of feeds, in the two shapes of their payloads. */
import { toRest } from './pull-requests.ts';
import type { GithubEvent, GithubState, PullRequest } from './state.ts';

/** `cut`: GitHub since October 2025, without most of a pull request. `whole`: older Enterprise servers. */
export type PayloadShape = 'cut' | 'whole';

export interface EventOptions {
  id: string;
  repo?: string;
  number?: number;
  author?: string;
  body?: string | null;
  action?: string;
  at?: string;
  shape?: PayloadShape;
  /** For the shape `whole`. */
  pullRequest?: PullRequest;
  state?: Pick<GithubState, 'webUrl'>;
}

const defaults = {
  ...{ repo: 'acme/app', number: 5, author: 'octo', body: '/Plan42', at: '2026-01-02T03:04:05Z' },
  shape: 'cut' as PayloadShape,
};

type Full = EventOptions & typeof defaults;

function event(type: string, options: EventOptions, payload: (full: Full) => object): GithubEvent {
  const full = { ...defaults, ...options } as Full;
  const { id, author, repo, at } = full;
  return { id, type, actor: { login: author }, repo: { name: repo }, payload: payload(full), created_at: at };
}

function pullRequestIn({ shape, repo, number, pullRequest, state }: Full): object {
  const found = pullRequest ?? { id: 'PR', number, reviewThreads: [], comments: [], reviews: [] };
  const whole = toRest(state ?? { webUrl: 'https://github.example.com' }, repo, { number, ...found });
  const { id, head, base } = whole;
  return shape === 'whole' ? whole : { url: `https://api/repos/${repo}/pulls/${number}`, id, number, head, base };
}

const commentIn = ({ author, body, at }: Full) => ({ id: 1, body, user: { login: author }, created_at: at });

export const issueComment = (options: EventOptions): GithubEvent =>
  event('IssueCommentEvent', options, (full) => ({
    action: full.action ?? 'created',
    issue: { number: full.number, pull_request: { url: 'https://api/pull' } },
    comment: commentIn(full),
  }));

export const reviewComment = (options: EventOptions): GithubEvent =>
  event('PullRequestReviewCommentEvent', options, (full) => ({
    action: full.action ?? 'created',
    comment: commentIn(full),
    pull_request: pullRequestIn(full),
  }));

export const review = (options: EventOptions): GithubEvent =>
  event('PullRequestReviewEvent', options, (full) => ({
    action: full.action ?? 'submitted',
    review: { id: 1, body: full.body, user: { login: full.author }, submitted_at: full.at, state: 'commented' },
    pull_request: pullRequestIn(full),
  }));

export const pullRequestChange = (options: EventOptions): GithubEvent =>
  event('PullRequestEvent', options, (full) => ({
    action: full.action ?? 'closed',
    number: full.number,
    pull_request: pullRequestIn(full),
  }));

/** An event that leads to nothing. */
export const push = (options: EventOptions): GithubEvent =>
  event('PushEvent', options, () => ({ ref: 'refs/heads/x' }));
