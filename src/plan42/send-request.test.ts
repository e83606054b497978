import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Agent, type buildConnector } from 'undici';
import { startTestServer } from '../../test/support/http-server.ts';
import { TimeoutError } from '../lib/deadline.ts';
import { TextReader } from '../lib/read-body.ts';
import { sendRequest } from './send-request.ts';

const readText = () => new TextReader(100);
const request = { method: 'PUT', headers: {}, body: 'x', timeoutMs: 60_000 } as const;

test('a request whose connection is being opened ends with its time or signal, and is never sent', async () => {
  await using server = await startTestServer((response) => void response.end('done'));
  const url = new URL(server.url);
  const opening: buildConnector.Callback[] = [];
  const transport = new Agent({
    connect: (_: unknown, callback: buildConnector.Callback) => void opening.push(callback),
  });
  try {
    const late = { ...request, transport, url, timeoutMs: 20 };
    await assert.rejects(sendRequest(late, readText), (error) => error instanceof TimeoutError);
    const reason = new Error('enough');
    const abort = new AbortController();
    const sent = sendRequest({ ...request, transport, url, signal: abort.signal }, readText);
    abort.abort(reason);
    await assert.rejects(sent, (error) => error === reason);
    const last = sendRequest({ ...request, transport, url, body: 'last' }, readText);
    for (const callback of opening) {
      const socket = connect(server.port, '127.0.0.1', () => callback(null, socket));
    }
    assert.equal(await last, 'done');
    assert.deepEqual(
      server.requests.map(({ body }) => body),
      ['last'],
    );
  } finally {
    await transport.destroy();
  }
});

test('a signal that outlives many calls keeps none of their listeners', async () => {
  await using server = await startTestServer((response) => void response.end('done'));
  const transport = new Agent();
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, args);
  };
  try {
    for (let i = 0; i < 20; i += 1) {
      const options = { ...request, transport, url: new URL(server.url), signal };
      assert.equal(await sendRequest(options, readText), 'done');
    }
    assert.equal(listeners, 0);
  } finally {
    await transport.destroy();
  }
});
