import assert from 'node:assert/strict';
import { test } from 'node:test';
import { branchUrl, commitUrl } from './repo-links.ts';

const pullRequest = 'https://github.example.com/me/web/pull/7';

test('branches and commits are on the server of the pull request', () => {
  assert.equal(
    branchUrl('me/web', 'plan42/a b#1', pullRequest),
    'https://github.example.com/me/web/tree/plan42/a%20b%231',
  );
  assert.equal(commitUrl('me/web', 'abcdef1', pullRequest), 'https://github.example.com/me/web/commit/abcdef1');
});

test('without a pull request of the repository there is no link', () => {
  assert.equal(branchUrl('me/web', 'main', undefined), undefined);
  assert.equal(branchUrl('me/docs', 'main', pullRequest), undefined);
  assert.equal(commitUrl('me/web', 'not a hash', pullRequest), undefined);
  assert.equal(commitUrl('me/web', 'abcdef1', 'nonsense'), undefined);
});
