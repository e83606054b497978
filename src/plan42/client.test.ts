import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Dispatcher } from 'undici';
import { sendJson, startTestServer, type TestServer } from '../../test/support/http-server.ts';
import { Plan42Client } from './client.ts';
import { ApiError, ConnectionError, isTransient, UnsendableError } from './errors.ts';
import { createTransport } from './transport.ts';

const queue = { tenantId: 't', runnerId: 'r', queueId: 'q' };
const turn = { tenantId: 't', taskId: 'k', turnIndex: 3 };
const queuePath = '/v1/tenants/t/runners/r/queues/q';
const secretToken = 'p42r_secret.token.value';
const payload = { EncryptionAlgorithm: 'a', EncryptedData: 'd', EphemeralPublicKey: 'k' };

let server: TestServer;
let transport: Dispatcher;
let client: Plan42Client;

const clientAt = (url: string) =>
  new Plan42Client({ transport, baseUrl: new URL(url), token: secretToken, userAgent: 'test/1' });

before(async () => {
  server = await startTestServer(() => {});
  transport = createTransport({});
});
beforeEach(() => {
  server.requests.length = 0;
  server.answer = (response) => sendJson(response, 200, { Version: 5 });
  client = clientAt(server.url);
});
after(async () => {
  await transport.destroy();
  await server[Symbol.asyncDispose]();
});

describe('the calls', () => {
  const calls: [
    name: string,
    make: () => Promise<unknown>,
    method: string,
    url: string,
    body: unknown,
    ifMatch?: string,
  ][] = [
    ['RegisterRunnerQueue', () => client.registerQueue(queue, 'PEM'), 'PUT', queuePath, { PublicKey: 'PEM' }],
    ['GetRunnerQueue', () => client.getQueue(queue), 'GET', queuePath, undefined],
    [
      'UpdateRunnerQueue',
      () => client.updateQueue(queue, 12, { Draining: true, IsHealthy: false }),
      'PATCH',
      queuePath,
      { Draining: true, IsHealthy: false },
      '12',
    ],
    ['DeleteRunnerQueue', () => client.deleteQueue(queue, 0), 'DELETE', queuePath, undefined, '0'],
    [
      'GetMessagesBatch',
      () => client.getMessages(queue, 30_000),
      'GET',
      `${queuePath}/messages?maxWaitSeconds=30`,
      undefined,
    ],
    [
      'WriteResponse',
      () => client.writeResponse(queue, { messageId: 'm', callerId: 'c' }, payload),
      'PUT',
      `${queuePath}/messages/m/response`,
      { CallerID: 'c', Payload: payload },
    ],
    ['GetTask', () => client.getTask('t', 'k'), 'GET', '/v1/tenants/t/tasks/k?includeDeleted=true', undefined],
    ['GetTurn', () => client.getTurn(turn), 'GET', '/v1/tenants/t/tasks/k/turns/3?includeDeleted=true', undefined],
    ['a heartbeat', () => client.updateTurn(turn, 4, {}), 'PATCH', '/v1/tenants/t/tasks/k/turns/3', {}, '4'],
  ];
  for (const [name, make, method, url, body, ifMatch] of calls) {
    test(name, async () => {
      await make();
      const [request] = server.requests;
      assert.equal(request?.method, method);
      assert.equal(request?.url, url);
      assert.equal(request.body, body === undefined ? '' : JSON.stringify(body));
      assert.equal(request.headers['content-type'], body === undefined ? undefined : 'application/json');
      assert.equal(request.headers['if-match'], ifMatch);
      assert.equal(request.headers.authorization, `APIToken ${secretToken}`);
      assert.equal(request.headers['accept'], 'application/json');
      assert.equal(request.headers['user-agent'], 'test/1');
    });
  }

  test('percent-encode path segments', async () => {
    const id = 'a/b?c#d%20 é;,';
    await client.writeResponse({ tenantId: id, runnerId: id, queueId: id }, { messageId: id, callerId: id }, payload);
    const encoded = 'a%2Fb%3Fc%23d%2520%20%C3%A9%3B%2C';
    assert.equal(
      server.requests[0]?.url,
      `/v1/tenants/${encoded}/runners/${encoded}/queues/${encoded}/messages/${encoded}/response`,
    );
    assert.equal(JSON.parse(server.requests[0]?.body ?? '').CallerID, id);
  });

  for (const prefix of ['/a/prefix', '/a/prefix/', '/', '']) {
    test(`go below the base URL "${prefix}"`, async () => {
      await clientAt(`${server.url}${prefix}`).getQueue(queue);
      assert.equal(server.requests[0]?.url, `${prefix.replace(/\/$/, '')}${queuePath}`);
    });
  }

  test('can be made with another token', async () => {
    await client.withToken('p42a_other').getTurn(turn);
    assert.equal(server.requests[0]?.headers.authorization, 'APIToken p42a_other');
  });

  test('reuse one connection', async () => {
    const connections = server.connections;
    await client.getQueue(queue);
    await client.updateQueue(queue, 1, { Draining: true });
    await client.getQueue(queue);
    assert.ok(server.connections - connections <= 1);
  });
});

describe('responses', () => {
  const answers = (status: number, body: unknown) => {
    server.answer = (response) => sendJson(response, status, body);
  };

  test('keep unknown fields, and are read case-insensitively', async () => {
    answers(200, { TenantId: 't', version: 9, Shiny: { a: 1 } });
    assert.deepEqual(await client.getQueue(queue), { TenantID: 't', Version: 9, Shiny: { a: 1 } });
  });

  for (const body of [{ Messages: null }, {}, { Messages: [] }, { messages: [] }]) {
    test(`without messages: ${JSON.stringify(body)}`, async () => {
      answers(200, body);
      assert.deepEqual(await client.getMessages(queue, 0), []);
    });
  }

  test('return messages unvalidated, so that an invalid one does not affect the others', async () => {
    const messages = [null, 1, 'x', { MessageID: 'm' }];
    answers(200, { Messages: messages });
    assert.deepEqual(await client.getMessages(queue, 0), messages);
  });

  test('may be empty if the call returns nothing', async () => {
    server.answer = (response) => void response.writeHead(204).end();
    await client.deleteQueue(queue, 1);
    await client.writeResponse(queue, { messageId: 'm', callerId: 'c' }, payload);
  });

  test('of a conflict have the current object', async () => {
    const body = {
      ResponseCode: 409,
      Message: 'm',
      ErrorType: 'Conflict',
      CurrentType: 'Turn',
      Current: { Version: 8 },
    };
    answers(409, body);
    const error = await failureOf(client.updateTurn(turn, 1, {}), ApiError);
    assert.deepEqual([error.status, error.currentType, error.current], [409, 'Turn', { Version: 8 }]);
    assert.equal(error.message, 'PATCH /v1/tenants/t/tasks/k/turns/3: 409 m');
  });

  test('may have Retry-After', async () => {
    server.answer = (response) => sendJson(response, 429, {}, { 'retry-after': '3' });
    assert.equal((await failureOf(client.getQueue(queue), ApiError)).retryAfterMs, 3000);
    const date = new Date(Date.now() + 60_000).toUTCString();
    server.answer = (response) => sendJson(response, 503, {}, { 'retry-after': date });
    const { retryAfterMs = 0 } = await failureOf(client.getQueue(queue), ApiError);
    assert.ok(retryAfterMs > 55_000 && retryAfterMs <= 60_000, `${retryAfterMs}`);
  });

  for (const [name, status, body] of [
    ['a proxy’s page', 502, '<html>nginx</html>'],
    ['empty', 500, ''],
  ] as const) {
    test(`that fail with a body that is ${name} name status and path`, async () => {
      server.answer = (response) => void response.writeHead(status).end(body);
      const error = await failureOf(client.getQueue(queue), ApiError);
      assert.equal(error.message, `GET ${queuePath}: ${status}`);
      assert.equal(error.status, status);
    });
  }

  test('that are redirects are errors and not followed', async () => {
    server.answer = (response) => void response.writeHead(302, { location: `${server.url}/elsewhere` }).end();
    const error = await failureOf(client.getQueue(queue), ConnectionError);
    assert.match(error.message, /302/);
    assert.equal(server.requests.length, 1);
  });

  for (const [name, body] of [
    ['not JSON', '<html>login</html>'],
    ['cut JSON', '{"Version": 1'],
    ['of the wrong shape', '{"Version": "1"}'],
    ['an array', '[]'],
    ['null', 'null'],
    ['empty', ''],
  ] as const) {
    test(`with status 200 that are ${name} are errors`, async () => {
      server.answer = (response) => void response.writeHead(200).end(body);
      const error = await failureOf(client.getQueue(queue), ConnectionError);
      assert.ok(error.message.startsWith(`GET ${queuePath}: the response `), error.message);
      assert.doesNotMatch(error.message, /html|login/);
    });
  }
});

describe('failures', () => {
  test('a truncated response', async () => {
    server.answer = (response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"Version": 1');
      setTimeout(() => response.destroy(), 5);
    };
    await failureOf(client.getQueue(queue), ConnectionError);
  });

  test('a connection that breaks before the response', async () => {
    server.answer = (response) => void response.destroy();
    await failureOf(client.getQueue(queue), ConnectionError);
  });

  test('a call that cannot be sent is no outage', async () => {
    const withToken = (token: string) => client.withToken(token).getQueue(queue);
    for (const token of ['p42r_\nsecret', 'p42r_secret\r', 'p42r_☃']) {
      const error = await failureOf(withToken(token), UnsendableError);
      assert.equal(isTransient(error), false);
      assert.match(error.message, /^GET .*: cannot be sent: its header "authorization" has an invalid character$/);
    }
    for (const queueId of ['..', '', '\ud800'])
      await assert.rejects(async () => client.getQueue({ ...queue, queueId }), RangeError);
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    await failureOf(client.updateQueue(queue, 1, circular), UnsendableError);
    assert.equal(server.requests.length, 0);
  });

  test('a refused connection', async () => {
    const gone = await startTestServer(() => {});
    await gone[Symbol.asyncDispose]();
    const error = await failureOf(clientAt(gone.url).getQueue(queue), ConnectionError);
    assert.match(error.message, /ECONNREFUSED/);
  });

  test('a response that is late, and one that does not end', async () => {
    server.answer = () => {};
    const error = await failureOf(client.getQueue(queue, { timeoutMs: 30 }), ConnectionError);
    assert.equal(error.message, `GET ${queuePath}: no response within 0.03 s`);
    server.answer = (response) => void response.writeHead(200).write('{');
    await failureOf(client.getQueue(queue, { timeoutMs: 30 }), ConnectionError);
  });

  test('an abort, before or during the call, rejects with its reason', async () => {
    server.answer = () => {};
    const reason = new Error('enough');
    const [early, late] = [new AbortController(), new AbortController()];
    early.abort(reason);
    await assert.rejects(client.getQueue(queue, { signal: early.signal }), (error) => error === reason);
    assert.equal(server.requests.length, 0);
    server.answer = () => late.abort(reason);
    await assert.rejects(client.getQueue(queue, { signal: late.signal }), (error) => error === reason);
  });

  test('a connection that the server closed while idle is replaced', async () => {
    await client.getQueue(queue);
    server.http.closeAllConnections();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await client.getQueue(queue)).Version, 5);
  });

  test('contain no secret', async () => {
    const bad = new Plan42Client({
      transport,
      baseUrl: new URL(server.url),
      token: `${secretToken}\nx: y`,
      userAgent: 'test/1',
    });
    const error = await bad.getQueue(queue).catch((reason: Error) => reason);
    assert.ok(error instanceof Error);
    assert.doesNotMatch(`${error.stack} ${(error.cause as Error)?.stack}`, /p42r_|secret/);
    assert.equal(server.requests.length, 0);
  });
});

async function failureOf<T>(call: Promise<unknown>, type: new (...args: never[]) => T): Promise<T> {
  const outcome = await call.then(
    (value) => value,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof type, `${outcome}`);
  assert.ok(!String((outcome as Error).stack).includes('secret'));
  return outcome;
}
