import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Dispatcher } from 'undici';
import { sendJson, startTestServer, type TestServer } from '../../test/support/http-server.ts';
import { createLogger } from '../lib/logger.ts';
import { Plan42Client } from '../plan42/client.ts';
import { createTransport } from '../plan42/transport.ts';
import { TurnUpdates } from './turn-updates.ts';

type Answer = (response: ServerResponse) => void;

const turnAt = (Version: number, Status = 'Executing') => ({ TaskId: 'k', TurnIndex: 1, Status, Version });
const ok =
  (version: number, status?: string): Answer =>
  (response) =>
    sendJson(response, 200, turnAt(version, status));
const fails =
  (status: number, body: object = {}, headers = {}): Answer =>
  (response) =>
    sendJson(response, status, body, headers);
const conflict = (version: number, ErrorType = 'Conflict', status?: string): Answer =>
  fails(409, { ResponseCode: 409, Message: 'm', ErrorType, CurrentType: 'Turn', Current: turnAt(version, status) });
const cut: Answer = (response) => void response.destroy();

const never = new AbortController().signal;
let server: TestServer;
let transport: Dispatcher;
let pauses: number[];
let warnings: string[];

before(async () => {
  server = await startTestServer(() => {});
  transport = createTransport({});
});
beforeEach(() => {
  server.requests.length = 0;
  pauses = [];
  warnings = [];
});
after(async () => {
  await transport.destroy();
  await server[Symbol.asyncDispose]();
});

/** Updates of a turn at version 1, at a server that gives these answers, and the last of them from then on. */
function updates(answers: Answer[], turn: unknown = turnAt(1), token = 'p42a_secret'): TurnUpdates {
  const left = [...answers];
  server.answer = (response) => (left.length > 1 ? left.shift() : left[0])?.(response);
  const endpoint = { transport, baseUrl: new URL(server.url), token, userAgent: 't' };
  return new TurnUpdates({
    client: new Plan42Client(endpoint),
    path: { tenantId: 't', taskId: 'k', turnIndex: 1 },
    turn,
    logger: createLogger({ level: 'warn', format: 'json', write: (line) => warnings.push(JSON.parse(line).message) }),
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      pauses.push(ms);
    },
  });
}

const versions = () => server.requests.map(({ headers }) => headers['if-match']);
const bodies = () => server.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

describe('an update', () => {
  test('sends the newest version', async () => {
    const turn = updates([ok(2), ok(7), ok(8)]);
    await turn.setStatus('one', never);
    await turn.heartbeat(never);
    await turn.setStatus('two', never);
    assert.deepEqual(versions(), ['1', '2', '7']);
    assert.deepEqual(bodies(), [{ Status: 'one' }, {}, { Status: 'two' }]);
    assert.equal(turn.newest?.Version, 8);
    assert.equal(turn.ended.aborted, false);
  });

  test('is retried at once with the version from a conflict', async () => {
    const turn = updates([conflict(5), ok(6)]);
    await turn.setStatus('one', never);
    assert.deepEqual(versions(), ['1', '5']);
    assert.deepEqual(pauses, []);
    assert.equal(turn.newest?.Version, 6);
  });

  test('takes the version from a conflict if the request had none', async () => {
    for (const given of [null, {}, { Version: 'x' }]) {
      server.requests.length = 0;
      await updates([conflict(3), ok(4)], given).setStatus('one', never);
      assert.deepEqual(versions(), ['0', '3']);
    }
  });

  test('that conflicts repeatedly backs off', async () => {
    const answers = Array.from({ length: 8 }, (_, i) => conflict(10 + i));
    await updates([...answers, ok(99)]).setStatus('one', never);
    assert.equal(server.requests.length, 9);
    assert.ok(pauses.length >= 4, `${pauses.length} pauses`);
  });

  test('is sent after earlier ones, however long they take', async () => {
    const turn = updates([fails(503), fails(503), ok(2)]);
    await Promise.all([turn.setStatus('one', never), turn.setStatus('two', never), turn.fail('m', new Date(0), never)]);
    assert.deepEqual(
      bodies().map(({ Status }) => Status),
      ['one', 'one', 'one', 'two', 'Failed'],
    );
  });

  for (const [name, answer] of [
    ['500', fails(500)],
    ['502', (response: ServerResponse) => void response.writeHead(502).end('<html>')],
    ['429', fails(429)],
    ['a connection that is cut off', cut],
  ] as const) {
    test(`is retried after ${name}`, async () => {
      const turn = updates([...Array.from({ length: 12 }, () => answer), ok(2)]);
      await turn.setStatus('one', never);
      assert.equal(server.requests.length, 13);
      assert.equal(pauses.length, 12);
      assert.ok(pauses.every((ms) => ms >= 0 && ms <= 30_000));
      assert.equal(turn.newest?.Version, 2);
    });
  }

  test('waits as long as the server requests', async () => {
    await updates([fails(503, {}, { 'retry-after': '45' }), ok(2)]).setStatus('one', never);
    assert.ok((pauses[0] ?? 0) >= 45_000);
  });

  test('that the server rejects as invalid is dropped, and the next one is sent', async () => {
    const turn = updates([fails(400, { Message: 'bad' }), ok(2)]);
    await turn.setStatus('one', never);
    assert.equal(server.requests.length, 1);
    await turn.setStatus('two', never);
    assert.equal(turn.newest?.Version, 2);
  });

  test('stops with its signal, and later ones are still sent', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const turn = updates([
      (response) => {
        controller.abort(reason);
        sendJson(response, 503, {});
      },
      ok(2),
    ]);
    const first = assert.rejects(turn.setStatus('one', controller.signal), (error) => error === reason);
    await Promise.all([first, turn.setStatus('two', never)]);
    assert.equal(turn.newest?.Version, 2);
  });
});

describe('a rejected token', () => {
  const hourMs = 3600_000;
  const pausedMs = () => pauses.reduce((sum, ms) => sum + ms, 0);

  for (const status of [401, 403]) {
    test(`is given up after an hour of ${status}, for good`, async () => {
      const turn = updates([fails(status, { Message: 'm' })]);
      await turn.fail('m', new Date(), never);
      assert.ok(pausedMs() >= hourMs && pausedMs() < 1.1 * hourMs, `${pausedMs()} ms`);
      const tries = server.requests.length;
      await turn.setStatus('one', never);
      await turn.heartbeat(never);
      assert.equal(server.requests.length, tries);
      assert.deepEqual(warnings, [
        'agent token rejected, retrying for an hour',
        'agent token rejected, giving up on turn updates',
      ]);
    });
  }

  test('of a missing turn is given up after a few attempts, if the response is from the API', async () => {
    const gone = updates([fails(404, { Message: 'm' })]);
    await gone.fail('m', new Date(), never);
    assert.equal(server.requests.length, 5);
    const page: Answer = (response) => void response.writeHead(404).end('<html>');
    const turn = updates([...Array.from({ length: 20 }, () => page), ok(2, 'Failed')]);
    await turn.fail('m', new Date(), never);
    assert.ok(turn.ended.aborted);
  });

  test('that is accepted again reports the final status', async () => {
    const refusals = Array.from({ length: 60 }, () => fails(401, { Message: 'unknown token' }));
    const turn = updates([...refusals, ok(2, 'Failed')]);
    await turn.fail('m', new Date(), never);
    assert.ok(turn.ended.aborted);
    assert.equal(server.requests.length, 61);
  });

  test('for a status does not prevent the final status', async () => {
    const controller = new AbortController();
    let refusals = 0;
    const refuses: Answer = (response) => {
      refusals += 1;
      if (refusals === 20) controller.abort(new Error('no time'));
      fails(401, { Message: 'm' })(response);
    };
    const turn = updates([...Array.from({ length: 20 }, () => refuses), ok(2, 'Failed')]);
    await assert.rejects(turn.setStatus('one', controller.signal), /no time/);
    await turn.fail('m', new Date(), never);
    assert.ok(turn.ended.aborted);
  });
});

test('an update that cannot be sent is given up at once', async () => {
  for (const token of ['p42a_\nsecret', 'p42a_secret\r\n', 'p42a_\0', 'p42a_☃']) {
    const turn = updates([ok(2)], turnAt(1), token);
    await turn.setStatus('s', never);
    await turn.fail('m', new Date(), never);
  }
  assert.deepEqual([server.requests.length, pauses.length], [0, 0]);
  assert.equal(warnings.filter((line) => line === 'cannot send turn update, giving up').length, 8);
});

for (const status of [400, 405, 407, 408]) {
  test(`a response ${status} from a proxy does not end the update`, async () => {
    const page: Answer = (response) => void response.writeHead(status).end('<html>');
    const turn = updates([page, page, ok(2, 'Failed')]);
    await turn.fail('m', new Date(), never);
    assert.ok(turn.ended.aborted);
  });
}

describe('a finished turn gets no update', () => {
  const cases: [name: string, answer: Answer][] = [
    ['the server responds that it is completed', fails(409, { ErrorType: 'UpdateCompletedTurn', Message: 'm' })],
    ['the conflict brings a completed turn', conflict(3, 'UpdateCompletedTurn', 'Completed')],
    ['the conflict brings a failed turn', conflict(3, 'Conflict', 'Failed')],
    ['the answer is a failed turn', ok(2, 'Failed')],
  ];
  for (const [name, answer] of cases) {
    test(`when ${name}`, async () => {
      const turn = updates([answer, ok(9)]);
      await turn.heartbeat(never);
      assert.ok(turn.ended.aborted);
      await turn.setStatus('one', never);
      await turn.heartbeat(never);
      await turn.fail('m', new Date(), never);
      assert.equal(server.requests.length, 1);
    });
  }

  test('when it was finished in the request', async () => {
    for (const Status of ['Completed', 'Failed']) {
      const turn = updates([ok(2)], turnAt(1, Status));
      assert.ok(turn.ended.aborted);
      await turn.fail('m', new Date(), never);
      assert.equal(server.requests.length, 0);
    }
  });

  test('after it was failed here', async () => {
    const turn = updates([ok(2, 'Failed')]);
    await turn.fail('why', new Date('2026-01-02T03:04:05Z'), never);
    await turn.fail('again', new Date(), never);
    assert.deepEqual(bodies(), [{ Status: 'Failed', ErrorMessage: 'why', CompletedAt: '2026-01-02T03:04:05.000Z' }]);
  });
});

describe('a heartbeat', () => {
  test('takes the version from a conflict, and is not retried', async () => {
    const turn = updates([conflict(5), ok(6)]);
    await turn.heartbeat(never);
    await turn.heartbeat(never);
    assert.deepEqual(versions(), ['1', '5']);
  });

  test('that fails is ignored', async () => {
    const turn = updates([fails(500), cut, ok(2)]);
    for (let i = 0; i < 3; i += 1) await turn.heartbeat(never);
    assert.deepEqual(bodies(), [{}, {}, {}]);
    assert.deepEqual(pauses, []);
  });
});
