import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { answerWith, setUpGithub } from '../../test/support/github/harness.ts';
import { type Answerer, sendJson } from '../../test/support/http-server.ts';
import type { Caller } from './caller.ts';

const at = setUpGithub();

describe('a call', () => {
  test('has the token in its header, and says who asks', async () => {
    const { data } = await at.connection.ask(at.getUser);
    assert.deepEqual(data, { login: 'octo' });
    const { headers } = at.github.requests[0] ?? {};
    assert.equal(headers?.authorization, `Bearer ${at.github.state.token}`);
    assert.match(headers?.['user-agent'] ?? '', /^test\/1 /);
  });

  test('leaves a trace in the log, without the token', async () => {
    await at.connection.ask(at.getUser);
    assert.match(
      at.log.join(''),
      /"message":"GitHub responded","host":"127\.0\.0\.1:\d+","path":"\/user","duration_ms":\d+/,
    );
    assert.ok(!at.log.join('').includes('doublesecret'));
  });
});

describe('a rejected request is reported in GitHub’s words and not retried', () => {
  for (const [status, body, message] of [
    [401, { message: 'Bad credentials', documentation_url: 'https://docs' }, 'Bad credentials'],
    [
      403,
      { message: 'Resource not accessible by personal access token' },
      'Resource not accessible by personal access token',
    ],
    [404, { message: 'Not Found' }, 'Not Found'],
    [
      422,
      { message: 'Validation Failed', errors: [{ message: 'One', code: 'x' }, 'Two', { code: 'y' }, null] },
      'Validation Failed: One: Two',
    ],
    [400, ['no', 'message'], 'GitHub responded with status 400'],
    [404, { message: 'a\nb\u0007c  d' }, 'a b c d'],
  ] as const) {
    test(`${status} ${JSON.stringify(body)}`, async () => {
      at.github.faults.push(answerWith(status, body));
      const error = await at.failure(at.connection.ask(at.getUser));
      assert.deepEqual([error.message, error.status], [message, status]);
      assert.equal(at.github.requests.length, 1);
    });
  }

  test('a page of a proxy', async () => {
    at.github.faults.push(
      (response) => void response.writeHead(403, { 'content-type': 'text/html' }).end('<h1>No</h1>'),
    );
    assert.match(
      (await at.failure(at.connection.ask(at.getUser))).message,
      /^127\.0\.0\.1:\d+ responded with status 403 and no JSON, unlike GitHub$/,
    );
  });

  test('an endless message, or one that repeats the token', async () => {
    at.github.faults.push(answerWith(404, { message: 'x'.repeat(100_000) }));
    await at.failure(at.connection.ask(at.getUser));
    at.github.faults.push((response, { headers }) => sendJson(response, 404, { message: headers.authorization }));
    assert.equal((await at.failure(at.connection.ask(at.getUser))).message, 'Bearer [redacted]');
  });

  for (const [name, body] of [
    ['another shape', { name: 'octo' }],
    ['an array', []],
  ] as const) {
    test(`an answer that is ${name}`, async () => {
      at.github.faults.push(answerWith(200, body));
      assert.match((await at.failure(at.connection.ask(at.getUser))).message, /^invalid response from GitHub/);
    });
  }
});

describe('an answer that is no JSON', () => {
  const page: Answerer = (response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>');

  for (const [name, fault] of [
    ['a page', page],
    ['text', answerWith(200, 'octo')],
    [
      'what says that it is',
      (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    ],
  ] as [string, Answerer][]) {
    test(`${name}: the error names who gave it`, async () => {
      for (const call of [at.getUser, at.queryUser]) {
        at.github.faults.push(fault);
        const { message } = await at.failure(at.connection.ask<unknown>(call));
        assert.match(message, /^the response of 127\.0\.0\.1:\d+ is not JSON; check the URL of the connection$/);
      }
    });
  }
});

describe('what is asked for', () => {
  const secret = 'internal-codename';
  const repo = (caller: Caller) =>
    at.connection.client.get('/repos/{org}/{repo}', { org: 'acme', repo: secret }, v.unknown(), caller);

  test('arrives as it is, whatever characters it has', async () => {
    at.github.everyAnswer = answerWith(200, {});
    for (const q of ['c++ lang', 'a&b=c#d', ':name {x}', '100%', 'ä/']) {
      const get = (caller: Caller) =>
        at.connection.client.get('/search/repositories', { q, page: 2 }, v.unknown(), caller);
      await at.connection.ask(get);
      const { url = '' } = at.github.requests.at(-1) ?? {};
      const { pathname, searchParams } = new URL(url, at.github.url);
      assert.deepEqual([pathname, ...searchParams], ['/api/v3/search/repositories', ['q', q], ['page', '2']]);
      assert.ok(!url.includes('+'), url);
    }
  });

  test('and cannot be sent is an error', async () => {
    const get = (caller: Caller) =>
      at.connection.client.get('/repos/{org}/{repo}', { org: 'acme', repo: 'a\ud800' }, v.unknown(), caller);
    assert.match((await at.failure(at.connection.ask(get))).message, /^invalid request: it contains/);
    assert.equal(at.github.requests.length, 0);
  });

  test('is not in the log, even if GitHub says it again', async () => {
    const message = `There is no ${secret}`;
    at.github.faults.push(
      answerWith(200, {}, { deprecation: 'true', sunset: 'tomorrow', link: '<https://docs>; rel="deprecation"' }),
      ...[403, 404, 422].map((status) => answerWith(status, { message })),
      answerWith(200, { errors: [{ type: 'NOT_FOUND', message }] }),
    );
    await at.connection.ask(repo);
    for (let i = 0; i < 3; i += 1) assert.equal((await at.failure(at.connection.ask(repo))).message, message);
    assert.equal((await at.failure(at.connection.ask(at.queryUser))).message, message);
    const log = at.log.join('');
    assert.match(log, /deprecated GitHub endpoint/);
    assert.match(log, /"error":"GitHub responded with status 404"/);
    assert.match(log, /"error":"GitHub responded with errors \(NOT_FOUND\)"/);
    assert.ok(!log.includes(secret), log);
  });
});

describe('GraphQL answers with errors', () => {
  const data = { viewer: { login: 'octo' } };
  for (const [name, body, message] of [
    ['and no data', { data: null, errors: [{ message: 'A' }, { message: 'B\nC' }] }, 'A; B C'],
    ['and some data', { data, errors: [{ message: 'Only part of it', path: ['viewer'] }] }, 'Only part of it'],
    ['without messages', { data, errors: [{ type: 'ODD' }, {}] }, 'ODD; an error without a message'],
  ] as const) {
    test(`${name}: a failure`, async () => {
      at.github.faults.push(answerWith(200, body));
      assert.equal((await at.failure(at.connection.ask(at.queryUser))).message, message);
      assert.equal(at.github.requests.length, 1);
    });
  }

  for (const body of [{}, { data: null }, { data: {} }, { data, errors: {} }, { data, errors: [null] }, 'text', null]) {
    test(`nor is ${JSON.stringify(body)} a result`, async () => {
      at.github.faults.push(answerWith(200, body));
      await at.failure(at.connection.ask(at.queryUser));
    });
  }
});

test('a call that none of them made room for says so', async () => {
  at.github.everyAnswer = () => {};
  const stop = new AbortController();
  const others = Array.from({ length: 30 }, () => at.connection.ask(at.getUser, 60_000, stop.signal));
  while (at.github.requests.length < 30) await delay(5);
  const error = await at.failure(at.connection.ask(at.getUser, 100));
  assert.equal(
    error.message,
    'the request was not sent to GitHub within 0.1 s: too many requests are in progress. Try again later',
  );
  stop.abort(new Error('enough'));
  await Promise.allSettled(others);
});

test('no more than 30 calls are made at once', async () => {
  const gate = Promise.withResolvers<void>();
  at.github.everyAnswer = async (response) => {
    await gate.promise;
    sendJson(response, 200, { login: 'octo' });
  };
  const calls = Array.from({ length: 60 }, () => at.connection.ask(at.getUser));
  while (at.github.requests.length < 30) await delay(5);
  await delay(50);
  assert.equal(at.github.requests.length, 30);
  gate.resolve();
  assert.equal((await Promise.all(calls)).length, 60);
});
