import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mailbox } from './mailbox.ts';

const never = new AbortController().signal;
const upTo = (max: number) => () => max;

test('messages are delivered once, in order, up to the maximum', async () => {
  const mailbox = new Mailbox<number>();
  for (const n of [1, 2, 3]) mailbox.put(n);
  assert.deepEqual(await mailbox.take(upTo(2), 1000, never), [1, 2]);
  assert.deepEqual(await mailbox.take(upTo(2), 1000, never), [3]);
  assert.deepEqual(await mailbox.take(upTo(2), 0, never), []);
});

test('waiting polls get one message each, oldest poll first', async () => {
  const mailbox = new Mailbox<number>();
  const polls = [mailbox.take(upTo(10), 1000, never), mailbox.take(upTo(10), 1000, never)];
  for (const n of [1, 2, 3]) mailbox.put(n);
  assert.deepEqual(await Promise.all(polls), [[1], [2]]);
  assert.deepEqual(await mailbox.take(upTo(10), 0, never), [3]);
});

test('an aborted poll takes no message', async () => {
  const mailbox = new Mailbox<number>();
  const gone = new AbortController();
  const poll = mailbox.take(upTo(10), 1000, gone.signal);
  gone.abort(new Error('gone'));
  mailbox.put(1);
  await assert.rejects(poll, /gone/);
  await assert.rejects(mailbox.take(upTo(10), 0, gone.signal), /gone/);
  assert.deepEqual(await mailbox.take(upTo(10), 0, never), [1]);
});

test('a poll returns empty after its timeout, and rejects when its queue is deleted', async () => {
  const mailbox = new Mailbox<number>();
  assert.deepEqual(await mailbox.take(upTo(10), 1, never), []);
  const poll = mailbox.take(upTo(10), 1000, never);
  mailbox.failPolls(new Error('deleted'));
  await assert.rejects(poll, /deleted/);
});

test('a message can be withdrawn until it is delivered', async () => {
  const mailbox = new Mailbox<number>();
  mailbox.put(1);
  assert.equal(mailbox.withdraw(1), true);
  assert.equal(mailbox.withdraw(1), false);
  mailbox.put(2);
  assert.deepEqual(mailbox.empty(), [2]);
  assert.deepEqual(await mailbox.take(upTo(10), 0, never), []);
});
