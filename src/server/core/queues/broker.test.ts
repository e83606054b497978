import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../lib/clock.ts';
import { generateKeyPair, publicKeyPem } from '../../../plan42/ecies.ts';
import { PingResponse } from '../../../plan42/messages.ts';
import { pollLimits } from '../../../plan42/poll-body.ts';
import { RequestError } from '../errors.ts';
import { limits } from '../limits.ts';
import { zeroTime } from '../time.ts';
import { Broker } from './broker.ts';

const queue = {
  TenantID: 't',
  RunnerID: 'r',
  QueueID: 'q',
  PublicKey: publicKeyPem(generateKeyPair().publicKey),
  IsHealthy: true,
  Draining: false,
  NConsecutiveFailedHealthChecks: 0,
  NConsecutiveSuccessfulHealthChecks: 0,
  LastHealthCheckAt: zeroTime,
  CreatedAt: zeroTime,
  UpdatedAt: zeroTime,
  Version: 1,
};
const overhead = JSON.stringify({ Type: 'Test', Text: '' }).length;

test('a message that is too large fails its own caller, and a poll is filled up to its limit', async () => {
  const broker = new Broker(systemClock);
  const done = new AbortController();
  const request = (size: number) =>
    broker.request(queue, { Type: 'Test', Text: 'x'.repeat(size - overhead) } as { Type: string }, PingResponse, {
      timeoutMs: 60_000,
      signal: done.signal,
      anyQueue: true,
    });
  const { max } = limits.message;
  await assert.rejects(request(max + 1), new RequestError('tooLarge'));
  const waiting = Promise.allSettled([max, max, 1000, max, ...Array(20).fill(100)].map(request));
  const sizes: number[][] = [];
  while (sizes.flat().length < 24) {
    const messages = await broker.poll(queue, 0, done.signal);
    sizes.push(messages.map((message) => JSON.stringify(message).length));
  }
  assert.deepEqual(
    sizes.map((poll) => poll.length),
    [2, 10, 10, 2],
  );
  assert.ok(Math.max(...sizes.flat()) < pollLimits.messageBytes, 'a runner reads the largest message');
  done.abort(new Error('done'));
  await waiting;
});
