import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Dispatcher } from 'undici';
import { sendJson, startTestServer, type TestServer } from '../../../test/support/http-server.ts';
import { createLogger } from '../../lib/logger.ts';
import { Plan42Client } from '../../plan42/client.ts';
import { decrypt, encrypt, generateKeyPair, publicKeyPem, type WrappedSecret } from '../../plan42/ecies.ts';
import { PublicKeys } from '../../plan42/public-keys.ts';
import { createTransport } from '../../plan42/transport.ts';
import { CallLimiter } from '../queues/call-limiter.ts';
import { dispatch } from './dispatch.ts';
import type { Handler } from './handler.ts';
import { handlePing } from './handlers.ts';

const keys = generateKeyPair();
const caller = generateKeyPair();
const callerKeys = new PublicKeys();
const queue = { tenantId: 't', runnerId: 'r', queueId: 'q' };

let server: TestServer;
let transport: Dispatcher;
let lines: string[];
let handled: string[];

before(async () => {
  server = await startTestServer(() => {});
  transport = createTransport({});
});
beforeEach(() => {
  server.requests.length = 0;
  server.answer = (response) => void response.writeHead(204).end();
  lines = [];
  handled = [];
});
after(async () => {
  await transport.destroy();
  await server[Symbol.asyncDispose]();
});

/** Dispatches messages as a batch does. */
async function dispatchAll(messages: unknown[], signal = new AbortController().signal): Promise<void> {
  const endpoint = { transport, baseUrl: new URL(server.url), token: 'p42r_x', userAgent: 't' };
  const handlers = new Map<string, Handler>([
    ['PingRequest', handlePing],
    [
      'InvokeAgentRequest',
      async ({ text }) => {
        handled.push(text);
        return { Type: 'InvokeAgentResponse', ErrorMessage: null };
      },
    ],
    [
      'Broken',
      async () => {
        throw new Error('a handler failed');
      },
    ],
  ]);
  const logger = createLogger({ level: 'debug', format: 'json', write: (line) => lines.push(line) });
  const client = new Plan42Client(endpoint);
  const origin = { queue, privateKey: keys.privateKey, limiter: new CallLimiter() };
  await Promise.all(
    messages.map((message) => dispatch(message, origin, { client, handlers, callerKeys, logger, signal })),
  );
}

const wrap = (payload: unknown): WrappedSecret =>
  encrypt(Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)), keys.publicKey);

let count = 0;
function message(payload: unknown, fields: object = {}): Record<string, unknown> {
  count += 1;
  return {
    MessageID: `m${count}`,
    CallerID: `c${count}`,
    CallerPublicKey: publicKeyPem(caller.publicKey),
    CreatedAt: '2026-01-02T03:04:05Z',
    Payload: wrap(payload),
    ...fields,
  };
}

const ping = () => message({ Type: 'PingRequest' });

/** The answers that came, by message ID. */
function answers(): Map<string, unknown> {
  return new Map(
    server.requests.map(({ url, body }) => {
      const { CallerID, Payload } = JSON.parse(body) as { CallerID: string; Payload: WrappedSecret };
      const id = /messages\/([^/]+)\/response$/.exec(url)?.[1] ?? '';
      assert.equal(CallerID, `c${id.slice(1)}`);
      return [id, JSON.parse(decrypt(Payload, caller.privateKey).toString())];
    }),
  );
}

const flipped = (secret: WrappedSecret): WrappedSecret => {
  const data = Buffer.from(secret.EncryptedData, 'base64');
  data[0] = (data[0] ?? 0) ^ 1;
  return { ...secret, EncryptedData: data.toString('base64') };
};

describe('a good message', () => {
  test('is answered to its caller’s key', async () => {
    const m = ping();
    await dispatchAll([m]);
    assert.deepEqual([...answers()], [[m['MessageID'], { Type: 'PingResponse' }]]);
    assert.equal(server.requests[0]?.url, `/v1/tenants/t/runners/r/queues/q/messages/${m['MessageID']}/response`);
    assert.deepEqual(lines, []);
  });

  test('may differ in capitals and have unknown fields', async () => {
    const { MessageID: messageId, CallerID: callerId, ...rest } = ping();
    await dispatchAll([{ messageId, CallerId: callerId, ...rest, Shiny: true }]);
    assert.equal(answers().size, 1);
  });
});

const secret = { Type: 'InvokeAgentRequest', AgentToken: 'the-payload' };
const bad: Record<string, () => unknown> = {
  'another algorithm': () => message('', { Payload: { ...wrap(secret), EncryptionAlgorithm: 'RSA' } }),
  'a key that is none': () => message('', { Payload: { ...wrap(secret), EphemeralPublicKey: 'the-payload' } }),
  'a flipped bit': () => message('', { Payload: flipped(wrap(secret)) }),
  'data that is too short': () => message('', { Payload: { ...wrap(secret), EncryptedData: 'AAAA' } }),
  'data that is not base64': () => message('', { Payload: { ...wrap(secret), EncryptedData: '@@' } }),
  'no data': () => message('', { Payload: { ...wrap(secret), EncryptedData: undefined } }),
  'a payload of null': () => message('', { Payload: null }),
  'a payload of text': () => message('', { Payload: 'the-payload' }),
  'a caller’s key that is none': () => message(secret, { CallerPublicKey: 'the-payload' }),
  'a caller’s key of null': () => message(secret, { CallerPublicKey: null }),
  'no caller’s ID': () => message(secret, { CallerID: undefined }),
  'content that is not JSON': () => message('{"the-payload'),
  'empty content': () => message(''),
  'content of null': () => message('null'),
  'content that is an array': () => message(['the-payload']),
  'content without a type': () => message({ 'the-payload': 1 }),
  'a type that is no text': () => message({ Type: { 'the-payload': 1 } }),
  'an unknown type': () => message({ Type: 'NewRequest', X: 'the-payload' }),
  'a type like an object’s property': () => message({ Type: '__proto__', X: 'the-payload' }),
  'a handler that fails': () => message({ Type: 'Broken', X: 'the-payload' }),
};

describe('a bad message', () => {
  for (const [name, make] of Object.entries(bad)) {
    test(`gets no answer, does nothing, and is logged with its ID, not its content: ${name}`, async () => {
      const m = make() as { MessageID: string };
      await dispatchAll([m]);
      assert.equal(server.requests.length, 0);
      assert.deepEqual(handled, []);
      assert.equal(lines.length, 1);
      assert.equal((JSON.parse(lines[0] ?? '') as { message_id: string }).message_id, m.MessageID);
      assert.doesNotMatch(lines[0] ?? '', /the-payload/);
    });
  }

  for (const junk of [null, undefined, 0, 'the-payload', [], {}, { MessageID: '' }, { MessageID: 5 }]) {
    test(`may be anything: ${JSON.stringify(junk)}`, async () => {
      await dispatchAll([junk]);
      assert.equal(lines.length, 1);
      assert.doesNotMatch(lines.join(), /the-payload/);
    });
  }

  test('is logged with its ID in any capitals', async () => {
    await dispatchAll([{ messageid: 'the-id', Payload: null }]);
    assert.match(lines.join(), /the-id/);
  });

  test('costs no other message its answer', async () => {
    const good = [ping(), ping(), ping()];
    const [first, ...others] = good;
    await dispatchAll([first, ...Object.values(bad).map((make) => make()), null, 7, ...others]);
    assert.deepEqual(new Set(answers().keys()), new Set(good.map((m) => m['MessageID'])));
  });
});

describe('an answer', () => {
  const failing = (times: number, status: number) => {
    server.answer = (response) => {
      if (server.requests.length > times) return void response.writeHead(204).end();
      if (status === 0) return void response.destroy();
      sendJson(response, status, { ResponseCode: status, Message: 'm' });
    };
  };
  for (const status of [429, 500, 503, 0]) {
    test(`is sent again after ${status || 'a connection that was cut'}`, async () => {
      failing(1, status);
      await dispatchAll([ping()]);
      assert.equal(server.requests.length, 2);
      assert.deepEqual(lines, []);
    });
  }
  for (const status of [400, 401, 403, 404, 409]) {
    test(`is not sent again after ${status}`, async () => {
      failing(1, status);
      await dispatchAll([ping()]);
      assert.equal(server.requests.length, 1);
      assert.equal(lines.length, 1);
    });
  }

  test('is given up when the server wants a longer wait than the caller has', async () => {
    server.answer = (response) => sendJson(response, 503, {}, { 'retry-after': '31' });
    await dispatchAll([ping()]);
    assert.equal(server.requests.length, 1);
    assert.equal(lines.length, 1);
  });

  test('is given up when the runner ends', async () => {
    const stop = new AbortController();
    server.answer = () => stop.abort();
    await dispatchAll([ping()], stop.signal);
    assert.equal(server.requests.length, 1);
  });
});
