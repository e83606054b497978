import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connect } from '../../test/support/github/client.ts';
import { answerWith, setUpGithub, User, viewer } from '../../test/support/github/harness.ts';
import { type Answerer, sendJson, startTestServer } from '../../test/support/http-server.ts';
import { formatError } from '../lib/errors.ts';

const at = setUpGithub();
const cut: Answerer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"login":', () => response.destroy());
};
const hang: Answerer = () => {};

describe('what may pass is asked again', () => {
  for (const [name, fault] of [
    ['500', answerWith(500, { message: 'Server Error' })],
    ['502 with a page', (response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>')],
    ['503 with Retry-After', answerWith(503, {}, { 'retry-after': '2' })],
    ['an answer that is cut off', cut],
    ['a connection that is', (response) => void response.destroy()],
  ] as [string, Answerer][]) {
    test(name, async () => {
      at.github.faults.push(fault, fault);
      assert.deepEqual((await at.connection.ask(at.getUser)).data, { login: 'octo' });
      at.github.faults.push(fault, fault, viewer);
      assert.deepEqual(await at.connection.ask(at.queryUser), { viewer: { login: 'octo' } });
      assert.equal(at.github.requests.length, 6);
      if (name.includes('Retry-After')) assert.ok(at.slept.every((ms) => ms >= 2000));
    });
  }

  test('but only a limited number of times', async () => {
    at.github.everyAnswer = answerWith(500, { message: 'Server Error' });
    assert.equal((await at.failure(at.connection.ask(at.getUser))).message, 'Server Error');
    assert.equal(at.github.requests.length, 5);
    at.github.everyAnswer = cut;
    assert.match((await at.failure(at.connection.ask(at.getUser))).message, /^cannot reach GitHub: /);
  });

  test('and not beyond the time that the caller has', async () => {
    at.github.everyAnswer = answerWith(503, { message: 'Busy' }, { 'retry-after': '60' });
    const error = await at.failure(at.connection.ask(at.getUser, 5000));
    assert.match(error.message, /^Busy\. Try again in 60 s, at 2.*Z\.$/);
    assert.ok(error.retryAt);
    assert.equal(at.github.requests.length, 1);
  });

  test('a query that broke on GitHub’s side', async () => {
    const message = 'Something went wrong while executing your query. Please include `A:B` when reporting this issue.';
    at.github.faults.push(answerWith(200, { errors: [{ message }] }), viewer);
    assert.deepEqual(await at.connection.ask(at.queryUser), { viewer: { login: 'octo' } });
  });

  test('a server that is not there', async () => {
    const gone = await startTestServer(() => {});
    await gone[Symbol.asyncDispose]();
    await using nowhere = connect(at.github, { url: gone.url, onSleep: (ms) => at.slept.push(ms) });
    const call = nowhere.ask((caller) => nowhere.client.get('/user', {}, User, caller));
    assert.match((await at.failure(call)).message, /^cannot reach GitHub: .*ECONNREFUSED/);
    assert.equal(at.slept.length, 4);
  });
});

test('a port without TLS is named, and not asked again', async () => {
  await using plain = await startTestServer(() => {});
  const url = plain.url.replace('http:', 'https:');
  await using wrong = connect(at.github, { url, onSleep: (ms) => at.slept.push(ms) });
  const error = await at.failure(wrong.ask((caller) => wrong.client.get('/user', {}, User, caller)));
  assert.match(
    formatError(error),
    /^cannot reach GitHub: 127\.0\.0\.1:\d+ does not speak TLS \(E\w+\); check scheme and port of the connection’s URL$/,
  );
  assert.deepEqual(at.slept, []);
});

test('a server that rejects the TLS connection is not taken for one without TLS', async () => {
  // A fatal alert: no version that both know.
  const old = createServer((socket) => void socket.resume().end(Buffer.from('15030100020246', 'hex')));
  await once(old.listen(0, '127.0.0.1'), 'listening');
  await using _ = { [Symbol.asyncDispose]: () => promisify(old.close.bind(old))() };
  const url = `https://127.0.0.1:${(old.address() as AddressInfo).port}`;
  await using refused = connect(at.github, { url, onSleep: (ms) => at.slept.push(ms) });
  const error = await at.failure(refused.ask((caller) => refused.client.get('/user', {}, User, caller)));
  assert.match(error.message, /^cannot reach GitHub: 127\.0\.0\.1:\d+ rejects the TLS connection \(ERR_SSL_\w+\)$/);
  assert.deepEqual(at.slept, []);
});

describe('a slow answer', () => {
  test('is waited for as long as the caller waits', async () => {
    at.github.faults.push(async (response) => {
      await delay(300);
      sendJson(response, 200, { login: 'late' });
    });
    assert.deepEqual((await at.connection.ask(at.getUser)).data, { login: 'late' });
    at.github.faults.push(hang);
    const error = await at.failure(at.connection.ask(at.getUser, 100));
    assert.equal(error.message, 'GitHub did not respond within 0.1 s');
  });

  test('that begins and does not end is no different', async () => {
    at.github.faults.push(
      (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
    );
    assert.equal((await at.failure(at.connection.ask(at.getUser, 100))).message, 'GitHub did not respond within 0.1 s');
  });

  test('is left when the signal says so, with its reason', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    at.github.faults.push(() => stop.abort(reason));
    await assert.rejects(at.connection.ask(at.getUser, 10_000, stop.signal), (error) => error === reason);
  });
});
