import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, ConnectionError } from '../../plan42/errors.ts';
import { PollWait } from './poll-wait.ts';

const call = { method: 'GET', path: '/messages' };
const gatewayTimeout = new ApiError(call, { status: 504, isFromApi: false });
const reset = new ConnectionError(call, 'other side closed');

test('a poll that a proxy ends is shortened below its timeout, and grows slowly', () => {
  const wait = new PollWait();
  assert.equal(wait.ms(30_000), 30_000);
  assert.equal(wait.wasCut(gatewayTimeout, { elapsedMs: 30_010, waitMs: 30_000 }), true);
  assert.equal(wait.ms(30_000), 24_008);
  let polls = 0;
  for (; wait.ms(30_000) < 30_000; polls += 1) wait.succeeded(wait.ms(30_000));
  assert.ok(polls > 10 && polls < 20, `${polls}`);
});

test('what is no timeout of a proxy is a failure', () => {
  const wait = new PollWait();
  const fromServer = new ApiError(call, { status: 504, isFromApi: true });
  const unavailable = new ApiError(call, { status: 503, isFromApi: false });
  const times = { elapsedMs: 20_000, waitMs: 30_000 };
  for (const error of [fromServer, unavailable, new Error('bug')]) assert.equal(wait.wasCut(error, times), false);
  assert.equal(wait.wasCut(reset, { elapsedMs: 100, waitMs: 30_000 }), false, 'at once');
  assert.equal(wait.wasCut(reset, { elapsedMs: 45_000, waitMs: 30_000 }), false, 'without any response');
  assert.equal(wait.ms(30_000), 30_000);
  assert.equal(wait.wasCut(reset, times), true);
});

test('a server that never responds is an outage', () => {
  const wait = new PollWait();
  const cut = () => wait.wasCut(gatewayTimeout, { elapsedMs: 6000, waitMs: 6000 });
  assert.deepEqual([cut(), cut(), cut()], [true, true, false]);
  wait.succeeded(10);
  assert.equal(cut(), true);
});
