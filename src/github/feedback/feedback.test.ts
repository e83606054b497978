import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { connect, type TestClient } from '../../../test/support/github/client.ts';
import { type GithubDouble, startGithub } from '../../../test/support/github/double.ts';
import {
  makeIssueComment,
  makePullRequest,
  makeRepo,
  makeReview,
  makeReviewComment,
  makeThread,
  noDiscussion,
  type PullRequest,
  type Sizes,
} from '../../../test/support/github/state.ts';
import { sendJson } from '../../../test/support/http-server.ts';
import { formatError } from '../../lib/errors.ts';
import { fetchFeedback } from './fetch-feedback.ts';
import { fetchTaskFeedback } from './task-feedback.ts';

let github: GithubDouble;
let connection: TestClient;

before(async () => {
  github = await startGithub();
  connection = connect(github);
});
beforeEach(() => {
  github.requests.length = 0;
  github.costs.length = 0;
  github.faults.length = 0;
});
after(async () => {
  await connection[Symbol.asyncDispose]();
  await github[Symbol.asyncDispose]();
});

function publish(pullRequest: PullRequest, repo = 'acme/app'): void {
  github.state.repos.set(repo, makeRepo({ pullRequests: new Map([[5, pullRequest]]) }));
}

const feedbackOn = (pullRequest: PullRequest) => {
  publish(pullRequest);
  return connection.ask((caller) => fetchFeedback(connection.withClient, 'acme/app', 5, caller), 60_000);
};

function sayCost(t: TestContext): void {
  const points = github.costs.map((cost) => cost.points);
  const nodes = github.costs.map((cost) => cost.nodes);
  t.diagnostic(`${points.length} calls; points: ${points.join(', ')}; at most so many nodes: ${nodes.join(', ')}`);
}

describe('feedback', () => {
  test('has every field as GitHub gives it, threads first, then comments, then reviews', async () => {
    const thread = makeThread(
      [makeReviewComment({ body: 'why?', isMinimized: true, minimizedReason: 'outdated' }), makeReviewComment()],
      { id: 'T', isResolved: true },
    );
    const comment = makeIssueComment({ id: 'C', body: 'nice', isMinimized: true, minimizedReason: 'spam' });
    const review = makeReview({ id: 'R', body: 'changes, please' });
    const empty = { DiffHunk: '', Path: '', StartLine: 0, OrigStartLine: 0, CommitHash: '' };
    const plain = { User: 'ann', Date: '2026-01-02T03:04:05Z', IsMinimized: false, MinimizedReason: '' };
    const onCode = {
      ...plain,
      DiffHunk: '@@ -1 +1 @@\n-a\n+b',
      Path: 'src/a.ts',
      StartLine: 3,
      OrigStartLine: 2,
      CommitHash: 'a'.repeat(40),
    };
    const pullRequest = { id: 'P', reviewThreads: [thread], comments: [comment], reviews: [review] };
    assert.deepEqual(await feedbackOn(pullRequest), [
      {
        ID: 'T',
        IsResolved: true,
        Comments: [
          { ...onCode, Body: 'why?', IsMinimized: true, MinimizedReason: 'outdated' },
          { ...onCode, Body: 'please rename' },
        ],
      },
      {
        ID: 'C',
        IsResolved: false,
        Comments: [{ ...plain, ...empty, Body: 'nice', IsMinimized: true, MinimizedReason: 'spam' }],
      },
      {
        ID: 'R',
        IsResolved: false,
        Comments: [{ ...plain, ...empty, Body: 'changes, please', CommitHash: 'b'.repeat(40) }],
      },
    ]);
  });

  test('is empty text and 0 where GitHub says null', async () => {
    const nothing = { author: null, commit: null, startLine: null, originalStartLine: null };
    const items = await feedbackOn({
      id: 'P',
      reviewThreads: [makeThread([makeReviewComment(nothing)])],
      comments: [makeIssueComment({ author: null })],
      reviews: [makeReview({ author: null, commit: null })],
    });
    const [onCode, comment, review] = items.map((item) => item.Comments[0]);
    assert.deepEqual([onCode?.User, onCode?.CommitHash, onCode?.StartLine, onCode?.OrigStartLine], ['', '', 0, 0]);
    assert.deepEqual([comment?.User, review?.User, review?.CommitHash], ['', '', '']);
  });

  test('has no reviews without text, no threads without a comment, and none of Plan42’s own comments', async () => {
    const author = { __typename: 'Bot' as const, login: 'Plan42-Agent' };
    const own = { author, body: '&lt;!-- event-horizon {"a":1} --&gt; done' };
    const items = await feedbackOn({
      id: 'P',
      reviewThreads: [
        makeThread([makeReviewComment(own)], { id: 'only own' }),
        makeThread([], { id: 'empty' }),
        makeThread([makeReviewComment({ body: 'left' }), makeReviewComment(own)], { id: 'T' }),
      ],
      comments: [makeIssueComment(own), makeIssueComment({ author, body: 'not marked' })],
      reviews: [makeReview({ body: '' }), makeReview(own), makeReview({ id: 'R' })],
    });
    assert.deepEqual(
      items.map(({ ID, Comments }) => [ID.replace(/_.*/, ''), Comments.map(({ Body }) => Body)]),
      [
        ['T', ['left']],
        ['IC', ['not marked']],
        ['R', ['fine']],
      ],
    );
  });

  test('of nothing is nothing', async () => {
    assert.deepEqual(await feedbackOn(makePullRequest(noDiscussion)), []);
  });
});

describe('calls', () => {
  test('one for 50 threads of 3 comments, 80 comments and 30 reviews', async (t) => {
    const pullRequest = makePullRequest({ threads: 50, threadComments: () => 3, comments: 80, reviews: 30 });
    const items = await feedbackOn(pullRequest);
    assert.equal(items.length, 50 + 80 + 30);
    assert.equal(items.flatMap((item) => item.Comments).length, 150 + 80 + 30);
    assert.equal(github.requests.length, 1);
    sayCost(t);
    assert.ok(github.costs.every(({ points, nodes }) => points === 1 && nodes < 500_000));
  });

  test('as many as the longest list has pages, long threads included', async (t) => {
    const threadComments = (thread: number) => (thread === 0 ? 250 : thread === 120 ? 101 : 1);
    const items = await feedbackOn(makePullRequest({ threads: 230, threadComments, comments: 101, reviews: 300 }));
    assert.equal(items.length, 230 + 101 + 300);
    assert.equal(items[0]?.Comments.length, 250);
    assert.equal(items[120]?.Comments.length, 101);
    assert.equal(github.requests.length, 3);
    sayCost(t);
  });

  test('of however many there are, everything comes once and in order', async () => {
    const count = fc.oneof(fc.constantFrom(0, 1, 99, 100, 101, 200, 201), fc.integer({ min: 0, max: 250 }));
    const sizes = fc.record({
      threads: count,
      long: fc.array(count, { maxLength: 3 }),
      comments: count,
      reviews: count,
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ long, ...rest }) => {
        const every: Sizes = { ...rest, threadComments: (thread) => long[thread] ?? 1 };
        const pullRequest = makePullRequest(every);
        github.requests.length = 0;
        const items = await feedbackOn(pullRequest);
        const expected = [
          ...pullRequest.reviewThreads.map((thread) => thread.comments.map(({ body }) => body)),
          ...[...pullRequest.comments, ...pullRequest.reviews].map(({ body }) => [body]),
        ].filter((bodies) => bodies.length > 0);
        assert.deepEqual(
          items.map((item) => item.Comments.map(({ Body }) => Body)),
          expected,
        );
        const longest = Math.max(...Object.values(rest), ...long.slice(0, rest.threads));
        assert.equal(github.requests.length, Math.max(1, Math.ceil(longest / 100)));
      }),
      { numRuns: 25 },
    );
  });

  test('at most 100 threads are continued in one', async () => {
    const items = await feedbackOn(makePullRequest({ ...noDiscussion, threads: 150, threadComments: () => 101 }));
    assert.equal(items.flatMap((item) => item.Comments).length, 150 * 101);
    // The second page brings the last 50 threads, and what 100 of the first lack.
    assert.equal(github.requests.length, 3);
  });

  const timeout = 'Something went wrong while executing your query. This may be the result of a timeout';
  for (const [name, status, body, attempts] of [
    ['takes it too long', 200, { errors: [{ message: timeout }] }, 5],
    ['takes a gateway too long', 504, {}, 5],
    ['is beyond its limits', 200, { errors: [{ type: 'RESOURCE_LIMITS_EXCEEDED', message: 'Too much' }] }, 1],
  ] as const) {
    test(`in smaller pages where a large one ${name}`, async () => {
      await using patient = connect(github, { onSleep: () => {} });
      const sizes = {
        threads: 45,
        threadComments: (thread: number) => (thread === 0 ? 50 : 1),
        comments: 50,
        reviews: 21,
      };
      publish(makePullRequest(sizes));
      for (let i = 0; i < attempts; i += 1) github.faults.push((response) => sendJson(response, status, body));
      const items = await patient.ask((caller) => fetchFeedback(patient.withClient, 'acme/app', 5, caller));
      assert.deepEqual([items.length, items[0]?.Comments.length], [45 + 50 + 21, 50]);
      const asked = github.requests.map((request) => /first: \d+/.exec(request.body)?.[0]);
      assert.deepEqual(asked, [...Array.from({ length: attempts }, () => 'first: 100'), ...Array(3).fill('first: 20')]);
    });
  }

  const whole = { pageInfo: { hasNextPage: false, endCursor: null }, nodes: [] };
  const lists = { reviewThreads: whole, comments: whole, reviews: whole };
  for (const [name, pullRequest] of [
    ['a list is missing', { ...lists, reviews: undefined }],
    ['a list is null', { ...lists, comments: null }],
    ['a list has no entries', { ...lists, reviewThreads: { pageInfo: whole.pageInfo } }],
    ['a list’s entries are null', { ...lists, comments: { ...whole, nodes: null } }],
    [
      'a thread’s entries are null',
      {
        ...lists,
        reviewThreads: { ...whole, nodes: [{ id: 'T', isResolved: true, comments: { ...whole, nodes: null } }] },
      },
    ],
  ] as const) {
    test(`none when ${name}: that is no answer`, async () => {
      github.faults.push((response) => sendJson(response, 200, { data: { repository: { pullRequest } } }));
      const call = connection.ask((caller) => fetchFeedback(connection.withClient, 'acme/app', 5, caller));
      await assert.rejects(call, /^GithubError: (incomplete|invalid) response from GitHub/);
    });
  }

  test('none when a long thread is missing from the second call, unless it was deleted', async () => {
    const long = {
      id: 'T',
      isResolved: false,
      comments: { nodes: [], pageInfo: { hasNextPage: true, endCursor: 'c' } },
    };
    const ask = (second: object) => {
      const pullRequest = { ...lists, reviewThreads: { ...whole, nodes: [long] } };
      for (const data of [{ repository: { pullRequest } }, { repository: { pullRequest: {} }, ...second }]) {
        github.faults.push((response) => sendJson(response, 200, { data }));
      }
      return connection.ask((caller) => fetchFeedback(connection.withClient, 'acme/app', 5, caller));
    };
    await assert.rejects(ask({}), /incomplete response from GitHub: missing comments of a thread/);
    await assert.rejects(ask({ thread0: {} }), /incomplete response from GitHub: missing comments of a thread/);
    assert.deepEqual(await ask({ thread0: null }), []);
  });

  test('none of a number that no pull request has', async () => {
    for (const number of [2 ** 31, -1, 1.5]) {
      const call = connection.ask((caller) => fetchFeedback(connection.withClient, 'acme/app', number, caller));
      await assert.rejects(
        call,
        /^GithubError: invalid pull request number: it must be an integer from 1 to 2147483647$/,
      );
    }
    assert.equal(github.requests.length, 0);
  });

  test('none without end, should GitHub’s pages have none', async () => {
    publish(makePullRequest(noDiscussion));
    const pageInfo = { hasNextPage: true, endCursor: 'same' };
    const list = { pageInfo, nodes: [] };
    github.everyAnswer = (response) =>
      sendJson(response, 200, {
        data: { repository: { pullRequest: { reviewThreads: list, comments: list, reviews: list } } },
      });
    try {
      await assert.rejects(
        connection.ask((caller) => fetchFeedback(connection.withClient, 'acme/app', 5, caller)),
        /pages do not end/,
      );
      assert.equal(github.requests.length, 2);
    } finally {
      github.everyAnswer = undefined;
    }
  });
});

describe('of a task', () => {
  const never = new AbortController().signal;

  test('all repositories are asked at the same time, at most five', async () => {
    const repos = Array.from({ length: 12 }, (_, i) => ({ repo: `acme/r${i}`, number: 5 }));
    let asking = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    github.everyAnswer = async (response) => {
      asking += 1;
      most = Math.max(most, asking);
      if (asking === 5) gate.resolve();
      // Responds only when five requests have arrived.
      await gate.promise;
      await new Promise(setImmediate);
      asking -= 1;
      const page = { pageInfo: { hasNextPage: false, endCursor: null }, nodes: [] };
      const comments = { ...page, nodes: [makeIssueComment()] };
      const pullRequest = { reviewThreads: page, comments, reviews: page };
      sendJson(response, 200, { data: { repository: { pullRequest } } });
    };
    const feedback = await fetchTaskFeedback(connection.withClient, repos, never);
    github.everyAnswer = undefined;
    assert.equal(most, 5);
    assert.deepEqual(
      Object.keys(feedback),
      repos.map(({ repo }) => repo),
    );
    assert.ok(Object.values(feedback).every((items) => items.length === 1));
  });

  test('a failure names the repository and the reason', async () => {
    publish(makePullRequest(noDiscussion));
    const ask = (repo: string, number = 5) => fetchTaskFeedback(connection.withClient, [{ repo, number }], never);
    await assert.rejects(
      ask('acme/none'),
      /^GithubError: cannot get the feedback on acme\/none#5: Could not resolve to a Repository with the name 'acme\/none'\.$/,
    );
    await assert.rejects(ask('acme/app', 6), /acme\/app#6: Could not resolve to a PullRequest with the number of 6/);
    github.faults.push(() => {});
    await assert.rejects(
      fetchTaskFeedback(connection.withClient, [{ repo: 'acme/app', number: 5 }], never, 100),
      // As the turn tells it: nothing twice.
      (error) => formatError(error) === 'cannot get the feedback on acme/app#5: GitHub did not respond within 0.1 s',
    );
    await assert.rejects(ask('nonsense'), /nonsense#5: invalid repo format/);
  });
});
