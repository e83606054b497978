import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { connect } from '../../test/support/github/client.ts';
import { answerWith, setUpGithub, User, viewer } from '../../test/support/github/harness.ts';
import { type Answerer, sendJson } from '../../test/support/http-server.ts';
import type { Caller } from './caller.ts';
import { GithubError } from './errors.ts';
import { RateLimiter } from './rate-limit.ts';

const at = setUpGithub();

describe('rate limits', () => {
  const inSeconds = (seconds: number) => String(Math.floor(Date.now() / 1000) + seconds);
  const exhausted = { message: 'API rate limit exceeded for user ID 1. (docs)' };
  const primary = (seconds: number, status = 403) =>
    answerWith(status, exhausted, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inSeconds(seconds) });
  const secondary = { message: 'You have exceeded a secondary rate limit. Please wait a few minutes.' };

  for (const status of [403, 429]) {
    test(`a primary one (${status}) is waited for, if the caller can`, async () => {
      at.github.faults.push(primary(5, status));
      assert.deepEqual((await at.connection.ask(at.getUser)).data, { login: 'octo' });
      assert.equal(at.slept.length, 1);
      assert.ok((at.slept[0] ?? 0) > 3900 && (at.slept[0] ?? 0) < 7000, `${at.slept[0]} ms`);
    });
  }

  test('otherwise the error has the time of the next attempt, and no request is sent before', async () => {
    at.github.faults.push(primary(600));
    const error = await at.failure(at.connection.ask(at.getUser));
    assert.match(
      error.message,
      /^API rate limit exceeded for user ID 1\. \(docs\)\. Try again in 1[01] min, at 2\d{3}-.*Z\.$/,
    );
    const inMs = (error.retryAt?.getTime() ?? 0) - Date.now();
    assert.ok(inMs > 590_000 && inMs < 605_000, `${inMs}`);
    const again = await at.failure(at.connection.ask(at.getUser));
    assert.match(again.message, /Try again in/);
    assert.equal(at.github.requests.length, 1);
    assert.deepEqual(at.slept, []);
  });

  test('are counted for search, GraphQL and the rest by themselves', async () => {
    const search = (caller: Caller) =>
      at.connection.client.get('/search/repositories', { q: 'x org:acme fork:true' }, v.unknown(), caller);
    at.github.faults.push(primary(600));
    await at.failure(at.connection.ask(search));
    await at.connection.ask(at.getUser);
    at.github.faults.push(viewer);
    await at.connection.ask(at.queryUser);
    await at.failure(at.connection.ask(search));
    assert.equal(at.github.requests.length, 3);
  });

  test('a secondary one counts for all', async () => {
    at.github.faults.push(answerWith(403, secondary, { 'retry-after': '300' }));
    await at.failure(at.connection.ask(at.queryUser));
    const error = await at.failure(at.connection.ask(at.getUser));
    assert.match(error.message, /^You have exceeded a secondary rate limit\. .* Try again in 5 min/);
    assert.equal(at.github.requests.length, 1);
  });

  for (const [name, fault, minMs, maxMs] of [
    ['Retry-After', answerWith(429, secondary, { 'retry-after': '3' }), 2900, 3600],
    ['no header at all', answerWith(403, secondary), 59_000, 61_000],
    [
      'a date',
      (response) => sendJson(response, 429, {}, { 'retry-after': new Date(Date.now() + 8000).toUTCString() }),
      1,
      9000,
    ],
    ['GraphQL’s 200', answerWith(200, { errors: [{ message: secondary.message }] }), 59_000, 61_000],
    [
      'GraphQL’s type',
      (response) => {
        const errors = [{ type: 'RATE_LIMITED', message: 'Enough' }];
        sendJson(response, 200, { errors }, { 'x-ratelimit-reset': inSeconds(20) });
      },
      15_000,
      22_000,
    ],
  ] as [string, Answerer, number, number][]) {
    test(`reported by ${name}`, async () => {
      at.github.faults.push(fault, viewer);
      assert.deepEqual(await at.connection.ask(at.queryUser, 90_000), { viewer: { login: 'octo' } });
      assert.ok((at.slept[0] ?? 0) >= minMs && (at.slept[0] ?? 0) <= maxMs, `${at.slept[0]} ms`);
    });
  }

  test('are timed by the server’s clock', async () => {
    const date = new Date(Date.now() - 3_600_000);
    const headers = { 'x-ratelimit-remaining': '0', date: date.toUTCString() };
    const reset = Math.floor(date.getTime() / 1000) + 4;
    at.github.faults.push(answerWith(403, exhausted, { ...headers, 'x-ratelimit-reset': String(reset) }));
    await at.connection.ask(at.getUser);
    assert.ok((at.slept[0] ?? 0) < 7000, `${at.slept[0]} ms`);
  });

  for (const [name, fault, waits] of [
    ['Retry-After: 0', answerWith(429, secondary, { 'retry-after': '0' }), [1, 2, 4, 8, 16, 32]],
    ['Retry-After: 2', answerWith(429, secondary, { 'retry-after': '2' }), [2, 2, 4, 8, 16, 32]],
    ['a reset in the past', primary(-100), [1, 2, 4, 8, 16, 32]],
  ] as [string, Answerer, number[]][]) {
    test(`that keep reporting ${name} are retried more and more slowly, and finally not at all`, async () => {
      at.github.everyAnswer = fault;
      const error = await at.failure(at.connection.ask(at.getUser, 600_000));
      assert.match(error.message, /rate limit.*\. Try again in 6[345] s, at 2.*Z\.$/);
      assert.ok(error.retryAt);
      assert.equal(at.github.requests.length, 7);
      const seconds = at.slept.map((ms) => ms / 1000);
      assert.equal(seconds.length, waits.length);
      for (const [i, wait] of waits.entries()) {
        const slept = seconds[i] ?? 0;
        assert.ok(slept > wait - 0.3 && slept <= wait + 0.5, seconds.join(', '));
      }
      assert.equal(at.log.filter((line) => line.includes('GitHub rate limit reached')).length, 7);
    });
  }

  test('that many calls reach at once are one line of the log', async () => {
    let asked = 0;
    at.github.everyAnswer = (response) => {
      asked += 1;
      if (asked <= 20) sendJson(response, 429, secondary, { 'retry-after': '300' });
    };
    const calls = Array.from({ length: 20 }, () => at.failure(at.connection.ask(at.getUser, 5000)));
    await Promise.all(calls);
    const logged = at.log.filter((line) => line.includes('GitHub rate limit reached'));
    assert.equal(logged.length, 1);
    assert.equal(JSON.parse(logged[0] ?? '').host, new URL(at.github.url).host, 'with the host');
  });

  test('are heeded by calls that wait for others to end', async () => {
    const gate = Promise.withResolvers<void>();
    at.github.everyAnswer = async (response) => {
      await gate.promise;
      sendJson(response, 429, secondary, { 'retry-after': '300' });
    };
    const calls = Array.from({ length: 100 }, () => at.failure(at.connection.ask(at.getUser)));
    while (at.github.requests.length < 30) await delay(5);
    gate.resolve();
    for (const error of await Promise.all(calls)) assert.match(error.message, /Try again in/);
    assert.equal(at.github.requests.length, 30);
  });

  test('that are long are not cut short by shorter ones', async () => {
    const memory = new RateLimiter(async () => {});
    const reason = new GithubError('Enough');
    memory.note('core', { waitMs: 600_000, scope: 'all' }, reason);
    memory.note('core', { waitMs: 2000, scope: 'all' }, reason);
    assert.match(memory.refusal('search')?.message ?? '', /^Enough\. Try again in 10 min/);
    memory.note('core', { waitMs: 1_200_000, scope: 'all' }, reason);
    assert.match(memory.refusal('search')?.message ?? '', /^Enough\. Try again in 20 min/);
    memory.note('core', { waitMs: 1000, scope: 'resource' }, reason);
    assert.match(memory.refusal('core')?.message ?? '', /^Enough\. Try again in 20 min/);
  });

  test('that last for days are treated as a mistake', async () => {
    at.github.faults.push(answerWith(429, {}, { 'retry-after': '999999999' }));
    const error = await at.failure(at.connection.ask(at.getUser));
    assert.match(error.message, /Try again in 65 min/);
  });

  test('stop waiting when the signal is aborted', async () => {
    await using waiting = connect(at.github);
    const get = (caller: Caller) => waiting.client.get('/user', {}, User, caller);
    at.github.faults.push(answerWith(429, secondary, { 'retry-after': '1' }));
    const startedAt = performance.now();
    await waiting.ask(get);
    assert.ok(performance.now() - startedAt >= 990);
    const stop = new AbortController();
    at.github.faults.push(answerWith(429, secondary, { 'retry-after': '30' }));
    const call = waiting.ask(get, 60_000, stop.signal);
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await assert.rejects(call, /enough/);
  });

  test('the double’s own quota: an error, with the rest of the hour', async () => {
    at.github.state.quota = 1;
    await at.connection.ask(at.getUser);
    assert.match(
      (await at.failure(at.connection.ask((caller) => at.connection.client.get('/user/orgs', {}, v.unknown(), caller))))
        .message,
      /Try again in (60|61) min/,
    );
  });
});
