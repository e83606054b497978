import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  issueComment,
  type PayloadShape,
  pullRequestChange,
  push,
  review,
  reviewComment,
} from '../../../test/support/github/events.ts';
import { asksForTurn, readFeedEvent } from './feed-event.ts';

const read = (input: unknown) => readFeedEvent(input, '/Plan42');
const wanted = (input: unknown) => read(input)?.wanted;

for (const shape of ['cut', 'whole'] satisfies PayloadShape[]) {
  describe(`an event with a payload that is ${shape}`, () => {
    test('is wanted if a comment on a pull request has the trigger', () => {
      for (const make of [issueComment, reviewComment, review]) {
        const { kind, repo, number, author, at } = wanted(make({ id: '7', shape, author: 'Ann' })) ?? {};
        const expected = ['comment', 'acme/app', 5, 'Ann', '2026-01-02T03:04:05Z'];
        assert.deepEqual([kind, repo, number, author, at], expected);
        assert.equal(wanted(make({ id: '7', shape, body: 'no' })), undefined);
        assert.equal(wanted(make({ id: '7', shape, body: null })), undefined);
        assert.equal(wanted(make({ id: '7', shape, action: 'edited' })), undefined);
      }
    });

    test('is wanted if a review was submitted, which the feed may call created', () => {
      for (const action of ['submitted', 'created'])
        assert.equal(wanted(review({ id: '7', shape, action }))?.kind, 'comment');
    });

    test('is wanted for each change of a pull request', () => {
      for (const action of ['opened', 'closed', 'reopened', 'edited']) {
        const { kind, number, pullRequest } = wanted(pullRequestChange({ id: '7', shape, action })) ?? {};
        assert.deepEqual([kind, number, pullRequest?.id], ['pull-request', 5, 1005]);
        assert.equal(pullRequest?.state, shape === 'whole' ? 'open' : undefined);
      }
    });
  });
}

test('a comment on an issue is not wanted', () => {
  const event = issueComment({ id: '7' });
  assert.equal(wanted({ ...event, payload: { ...event.payload, issue: { number: 5 } } }), undefined);
  assert.equal(
    wanted({ ...event, payload: { ...event.payload, issue: { number: 5, pull_request: null } } }),
    undefined,
  );
});

test('other events and unreadable ones are not wanted and keep their ID', () => {
  assert.deepEqual(read(push({ id: '7' })), {
    ...{ id: '7', createdAt: '2026-01-02T03:04:05Z', wanted: undefined, isUnreadable: false },
  });
  for (const make of [issueComment, reviewComment, review, pullRequestChange]) {
    assert.equal(read({ ...make({ id: '7' }), payload: null })?.isUnreadable, true);
    assert.equal(read({ ...make({ id: '7' }), repo: { name: 'a/b/c' } })?.isUnreadable, true);
  }
  assert.equal(read({ ...reviewComment({ id: '7' }), payload: { action: 'created', comment: {} } })?.wanted, undefined);
  assert.equal(read({ id: 7, type: 'X' })?.id, '7');
  assert.equal(read('no event'), undefined);
  assert.equal(read(null), undefined);
});

test('the trigger is a word of its own, in exact capitals, anywhere', () => {
  for (const body of ['/Plan42', 'please /Plan42', 'a\n\n/Plan42\tb', '/Plan42 '])
    assert.ok(asksForTurn(body, '/Plan42'));
  for (const body of ['', '/plan42', '/Plan42.', 'x/Plan42', '`/Plan42`', '<!-- event-horizon --> /Plan42'])
    assert.ok(!asksForTurn(body, '/Plan42'), body);
  assert.ok(asksForTurn('/agent go', '/agent'));
});
