import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graceAfter } from './turn-end.ts';

test('an agent may run on after its own end of the turn, and after a success of anyone', () => {
  const grace = { ownMs: 300, unknownMs: 15 };
  const after = (status: string | undefined, endedBy?: string) =>
    graceAfter({ reason: 'finished', status, endedBy }, grace);
  assert.equal(after('Failed', 'Agent'), 300);
  assert.equal(after('Failed', 'User'), 0);
  assert.equal(after('Failed', 'Server'), 0);
  assert.equal(after('Failed'), 15);
  for (const endedBy of ['Agent', 'User', undefined]) assert.equal(after('Completed', endedBy), 300);
  assert.equal(graceAfter({ reason: 'deleted' }, grace), 0);
});
