import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as v from 'valibot';
import { setUpGithub, viewer } from '../../test/support/github/harness.ts';
import { type Answerer, sendJson, startTestServer } from '../../test/support/http-server.ts';
import type { Caller } from './caller.ts';

const at = setUpGithub();

describe('an answer', () => {
  const packed = gzipSync('{"login":"packed"}');
  const sendPacked =
    (bytes: Buffer): Answerer =>
    (response) =>
      void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bytes);

  test('may be packed', async () => {
    at.github.faults.push(sendPacked(packed));
    assert.deepEqual((await at.connection.ask(at.getUser)).data, { login: 'packed' });
    assert.equal(at.github.requests[0]?.headers['accept-encoding'], 'gzip');
  });

  test('that is not packed as it says, or not to its end, is asked for again', async () => {
    at.github.faults.push(sendPacked(packed.subarray(0, 12)), sendPacked(Buffer.from('{"login":"plain"}')));
    assert.deepEqual((await at.connection.ask(at.getUser)).data, { login: 'octo' });
    assert.equal(at.github.requests.length, 3);
  });

  test('that is too much when it is unpacked is none', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024));
    at.github.faults.push(sendPacked(bomb));
    assert.equal((await at.failure(at.connection.ask(at.getUser))).message, 'the response of GitHub is too large');
  });

  test('that is too much as it is, is read no further', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    let sent = 0;
    at.github.faults.push(async (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.on('error', () => {});
      for (; sent < 500 && !response.destroyed; sent += 1) {
        if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
      response.end();
    });
    assert.equal((await at.failure(at.connection.ask(at.getUser))).message, 'the response of GitHub is too large');
    assert.ok(sent < 100, `${sent} MiB were sent`);
    assert.equal(at.github.requests.length, 1);
  });
});

describe('answers that have not changed', () => {
  test('cost no quota, and are the same', async () => {
    const before = at.github.state.quota;
    const first = await at.connection.ask(at.getUser);
    for (let i = 0; i < 5; i += 1) {
      const { data, headers } = await at.connection.ask(at.getUser);
      assert.deepEqual(data, first.data);
      assert.equal(headers['x-oauth-scopes'], first.headers['x-oauth-scopes']);
    }
    assert.equal(before - at.github.state.quota, 1);
    assert.match(at.github.requests[5]?.headers['if-none-match'] ?? '', /^W\/"/);
  });

  test('are not kept when they have', async () => {
    await at.connection.ask(at.getUser);
    at.github.state.login = 'renamed';
    assert.deepEqual((await at.connection.ask(at.getUser)).data, { login: 'renamed' });
    assert.deepEqual((await at.connection.ask(at.getUser)).data, { login: 'renamed' });
  });

  test('keep their links', async () => {
    at.github.state.orgs = ['a', 'b', 'c'];
    const page = (caller: Caller) =>
      at.connection.client.get('/user/orgs', { page: 1, per_page: 2 }, v.unknown(), caller);
    const first = await at.connection.ask(page);
    assert.match(String(first.headers['link']), /rel="next"/);
    assert.equal((await at.connection.ask(page)).headers['link'], first.headers['link']);
  });
});

describe('redirects', () => {
  const to =
    (status: number, location: string): Answerer =>
    (response) =>
      void response.writeHead(status, location === '' ? {} : { location }).end();

  for (const status of [301, 302, 307, 308]) {
    test(`${status} is followed on the same host, with the token`, async () => {
      at.github.faults.push(to(status, '/api/v3/user?moved=1'));
      assert.deepEqual((await at.connection.ask(at.getUser)).data, { login: 'octo' });
      assert.equal(at.github.requests[1]?.headers.authorization, `Bearer ${at.github.state.token}`);
    });

    test(`${status} to another host is not: neither token nor request goes there`, async () => {
      await using other = await startTestServer((response) => sendJson(response, 200, { login: 'evil' }));
      for (const url of [other.url, other.url.replace('127.0.0.1', 'localhost')]) {
        at.github.faults.push(to(status, `${url}/api/v3/user`));
        const error = await at.failure(at.connection.ask(at.getUser));
        assert.match(error.message, /redirects to another host \(http:\/\/.*\), where the token is not sent/);
        at.github.faults.push(to(status, `${url}/api/graphql`));
        await at.failure(at.connection.ask(at.queryUser));
      }
      assert.equal(other.requests.length, 0);
    });
  }

  test('of a query keep its method, or are refused', async () => {
    at.github.faults.push(to(307, '/elsewhere'), viewer);
    await at.connection.ask(at.queryUser);
    assert.deepEqual([at.github.requests[1]?.method, at.github.requests[1]?.url], ['POST', '/elsewhere']);
    assert.equal(at.github.requests[1]?.body, at.github.requests[0]?.body);
    at.github.faults.push(to(302, '/login'));
    assert.match((await at.failure(at.connection.ask(at.queryUser))).message, /redirects a POST \(302\)/);
  });

  test('in a loop, without a location, or to an invalid URL are errors', async () => {
    at.github.everyAnswer = to(301, '/api/v3/user');
    assert.match((await at.failure(at.connection.ask(at.getUser))).message, /in a loop/);
    assert.equal(at.github.requests.length, 6);
    at.github.everyAnswer = to(302, '');
    assert.match((await at.failure(at.connection.ask(at.getUser))).message, /without a location \(302\)/);
    assert.equal(at.github.requests.length, 7);
    for (const scheme of ['file:', 'data:']) {
      at.github.everyAnswer = to(302, `${scheme}///etc/passwd`);
      const { message } = await at.failure(at.connection.ask(at.getUser));
      assert.ok(message.includes(`redirects to another host (${scheme}), where`), message);
    }
    at.github.everyAnswer = to(302, 'http://[');
    assert.match((await at.failure(at.connection.ask(at.getUser))).message, /without a location/);
  });
});
