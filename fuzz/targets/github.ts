import assert from 'node:assert/strict';
import { RequestError } from '@octokit/request-error';
import * as v from 'valibot';
import { missingScopes } from '../../src/github/check-token.ts';
import { about, GithubError, loggable, presentable, withRetryTime } from '../../src/github/errors.ts';
import { failureOf } from '../../src/github/failure.ts';
import { isOwnComment } from '../../src/github/feedback/own-comments.ts';
import { FeedbackResponse } from '../../src/github/feedback/response.ts';
import { dataOf, GraphqlBody, QueryFailure } from '../../src/github/graphql-body.ts';
import { hasLink } from '../../src/github/link-header.ts';
import { hasNextPage, readPageToken, required, writePageToken } from '../../src/github/page.ts';
import { rateLimitOf } from '../../src/github/rate-limit.ts';
import { parseRepoPath, repoPath } from '../../src/github/repo-path.ts';
import type { Target } from '../target.ts';

const token = `ghp_${'QqzZ'.repeat(9)}`;
const connection = { url: new URL('https://github.example.com'), token };
const page = { pageInfo: { hasNextPage: true, endCursor: 'c' }, nodes: [null] };
const comment = {
  id: 'i',
  author: { login: 'a' },
  body: 'b',
  createdAt: 't',
  isMinimized: false,
  minimizedReason: null,
};
const thread = { id: 't', isResolved: true, comments: { ...page, nodes: [{ ...comment, diffHunk: 'd', path: 'p' }] } };
const feedback = {
  repository: {
    pullRequest: { reviewThreads: { ...page, nodes: [thread] }, comments: { ...page, nodes: [comment] } },
  },
  t0: null,
};

export const targets: readonly Target[] = [
  {
    covers: ['github/link-header.ts#hasLink'],
    corpus: ['<https://a/?page=2>; rel="next", <https://a/?page=9>; rel="last"; title="a\\"b"', '<>;rel=next'],
    run: (text: string) => [hasLink(text, 'next'), hasNextPage({ link: text })],
  },
  {
    covers: ['github/page.ts#readPageToken', 'github/page.ts#required'],
    corpus: [writePageToken(2), writePageToken()],
    run: (text: string) => [readPageToken(text), required(text, 'missing')],
    errors: [GithubError],
  },
  {
    covers: ['github/repo-path.ts#parseRepoPath', 'github/repo-path.ts#repoPath'],
    corpus: ['org/repo', 'a/../b'],
    run: (text: string) => [parseRepoPath(text), repoPath(text, text)],
    errors: [GithubError],
  },
  {
    covers: ['github/feedback/own-comments.ts#isOwnComment'],
    corpus: ['<!-- event-horizon x -->', '&lt;!-- event-horizon', '&#60;&excl;-- &#x3C;'],
    run: (body: string) => isOwnComment({ author: { login: 'plan42-bot' }, body }),
  },
  {
    covers: ['github/feedback/response.ts#FeedbackResponse', 'github/graphql-body.ts#dataOf'],
    corpus: [JSON.stringify({ data: feedback, errors: [{ message: 'm', type: 'RATE_LIMITED' }] })],
    input: 'value',
    run: (value: unknown) => v.safeParse(FeedbackResponse, dataOf(v.parse(GraphqlBody, value), {})),
    errors: [v.ValiError, QueryFailure],
  },
  {
    covers: [
      'github/failure.ts#failureOf',
      'github/errors.ts#presentable',
      'github/errors.ts#about',
      'github/errors.ts#loggable',
      'github/check-token.ts#missingScopes',
    ],
    corpus: [
      JSON.stringify({ message: `Bad credentials ${token}`, errors: [{ message: 'x' }, 'y'], documentation_url: 'd' }),
      JSON.stringify('secondary rate limit'),
    ],
    input: 'value',
    run: (data: unknown) => {
      const text = typeof data === 'string' ? data : JSON.stringify(data);
      const headers = { date: text, 'retry-after': text, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': text };
      const request = { method: 'GET' as const, url: 'https://github.example.com', headers: {} };
      const response = { status: 403, url: '', headers, data };
      const { error } = failureOf(new RequestError(text, 403, { request, response }), connection, new Date(0));
      rateLimitOf({ status: 429, headers, message: text, errorTypes: [text] }, new Date(0));
      missingScopes(text.split(','));
      const network = failureOf(new RequestError('x', 500, { request, cause: new Error(text) }), connection);
      const named = about('org/repo', withRetryTime(error, 1000));
      return [String(named), String(loggable(named)), network.error.message, presentable(text, token)].join('\n');
    },
    check: (text: string) => {
      assert.ok(!text.includes(token), 'the token comes through');
      assert.ok(text.length < 4000, 'the message is not bounded');
    },
    maxGrowth: 100,
  },
];
