/** The double refuses what GitHub would refuse, or the tests that use it would prove little. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { answerQuery } from './graphql.ts';
import { makePullRequest, makeRepo, makeState } from './state.ts';

const pullRequest = makePullRequest({ threads: 3, threadComments: () => 2, comments: 1, reviews: 1 });
const repos = new Map([['acme/app', makeRepo({ pullRequests: new Map([[5, pullRequest]]) })]]);
const state = makeState({ repos });
const ask = async (query: string, variables = {}) => {
  const { body, cost } = await answerQuery(state, query, variables);
  return { ...(body as { data?: unknown; errors?: { message: string; type?: string }[] }), cost };
};
const ofPullRequest = (selection: string) =>
  `{ repository(owner: "acme", name: "app") { pullRequest(number: 5) { ${selection} } } }`;

describe('a query is refused', () => {
  for (const [why, query, message] of [
    ['that is no GraphQL', '{', /Syntax Error/],
    [
      'for a field that the schema lacks',
      ofPullRequest('feedback'),
      /Cannot query field "feedback" on type "PullRequest"/,
    ],
    ['with a variable of the wrong type', `query($n: String!) ${ofPullRequest('id').replace('5', '$n')}`, /"Int!"/],
    ['without a page size', ofPullRequest('comments { totalCount }'), /must provide a `first` or `last` value/],
    ['with a page of 101', ofPullRequest('comments(first: 101) { totalCount }'), /exceeds the `first` limit of 100/],
    [
      'for too many nodes',
      ofPullRequest(
        'reviews(first: 100) { nodes { comments(first: 100) { nodes { reactions(first: 51) { totalCount } } } } }',
      ),
      /520100 possible nodes/,
    ],
  ] as const) {
    test(why, async () => {
      const { errors, data } = await ask(query);
      assert.match(errors?.[0]?.message ?? '', message);
      assert.equal(data, undefined);
    });
  }
});

test('what there is not is an error beside null', async () => {
  const { data, errors } = await ask('{ repository(owner: "acme", name: "none") { id } }');
  assert.equal(JSON.stringify(data), '{"repository":null}');
  assert.equal(errors?.[0]?.type, 'NOT_FOUND');
});

test('cost follows GitHub’s formula', async () => {
  // The example of GitHub's documentation, in terms of pull requests: 1 + 100 + 100 × 50 requests, / 100.
  const inner = 'comments(first: 50) { nodes { reactions(first: 60) { totalCount } } }';
  const { cost } = await ask(ofPullRequest(`reviewThreads(first: 100) { nodes { ${inner} } }`));
  assert.deepEqual(cost, { points: 51, nodes: 100 + 100 * 50 + 100 * 50 * 60, problems: [] });
});
