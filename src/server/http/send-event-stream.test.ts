import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../test/support/eventually.ts';
import { sendEventStream } from './send-event-stream.ts';

const batchBytes = 256 * 1024;
const keepAliveMs = 5;

test('a client that does not read makes the server hold one batch, without keep-alives', async () => {
  const stop = new AbortController();
  let taken = 0;
  async function* batches(): AsyncGenerator<string[]> {
    for (;;) {
      taken += 1;
      yield ['x'.repeat(batchBytes)];
    }
  }
  const responses: ServerResponse[] = [];
  const sending: Promise<void>[] = [];
  const server = createServer((_, response) => {
    responses.push(response);
    const eventOf = (data: string) => ({ event: 'log', data: { data }, id: 1 });
    sending.push(sendEventStream(response, batches(), { eventOf, keepAliveMs, signal: stop.signal }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const [client] = (await once(get(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), 'response')) as [
    IncomingMessage,
  ];
  client.pause();
  try {
    // The kernel takes some megabytes.
    let before = -1;
    await eventually(async () => {
      const isStill = taken === before;
      before = taken;
      await sleep(10 * keepAliveMs);
      return isStill && responses[0]?.writableNeedDrain;
    });
    const held = responses[0]?.writableLength ?? 0;
    await sleep(20 * keepAliveMs);
    assert.equal(taken, before);
    assert.equal(responses[0]?.writableLength, held);
    assert.ok(held < 2 * batchBytes, `${held} bytes`);
  } finally {
    stop.abort(new Error('stopped'));
    client.destroy();
    server.close();
  }
  await assert.rejects(Promise.all(sending), /stopped/);
});
