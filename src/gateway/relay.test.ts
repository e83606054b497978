import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { openPolicy, openTunnel, startRawServer, startTestGateway } from '../../test/support/gateway.ts';

const port = 9000;
const totalBytes = 64 * 2 ** 20;

/** Bytes that repeat only after longer than any buffer on their way. */
function* blocks(): Generator<Buffer> {
  for (let sent = 0; sent < totalBytes; sent += 2 ** 16) {
    const block = Buffer.alloc(2 ** 16, `${sent} `);
    yield block;
  }
}

async function sendBlocks(socket: Socket, onSent: (bytes: number) => void): Promise<void> {
  for (const block of blocks()) {
    onSent(block.length);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
}

function expectedDigest(): string {
  const hash = createHash('sha256');
  for (const block of blocks()) hash.update(block);
  return hash.digest('hex');
}

/** Stops reading now and then, so that what comes piles up. */
async function readSlowly(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  let count = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    count += 1;
    if (count % 50 === 0)
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return hash.digest('hex');
}

for (const direction of ['download', 'upload'] as const) {
  test(`${direction}: what passes through a tunnel waits for its reader, and arrives as it was sent`, async () => {
    let sent = 0;
    const { promise: accepted, resolve: accept } = Promise.withResolvers<Socket>();
    await using server = await startRawServer({ serve: accept });
    await using gateway = await startTestGateway({
      policy: openPolicy(['good.example'], [port]),
      names: { 'good.example': ['127.0.0.1'] },
      ports: { [port]: server.port },
    });
    const { socket } = await openTunnel(gateway, `good.example:${port}`);
    const far = await accepted;
    // The test's server starts reading on its own.
    far.removeAllListeners('data').pause();
    const [sender, reader] = direction === 'download' ? [far, socket] : [socket, far];
    reader.pause();
    const sending = sendBlocks(sender, (bytes) => (sent += bytes));
    let before = -1;
    await eventually(async () => {
      const isStill = sent === before;
      before = sent;
      return sent > 0 && isStill;
    });
    // Systems and gateway buffer some of it.
    assert.ok(sent < totalBytes / 2, `${sent} bytes were sent before any was read`);
    assert.equal(await readSlowly(reader), expectedDigest());
    await sending;
    // The other direction is open still.
    reader.end('after it');
    const response = once(sender, 'data');
    sender.resume();
    assert.equal(String((await response)[0]), 'after it');
    const report = await gateway.stop();
    const [entry] = report.entries;
    assert.equal(direction === 'download' ? entry?.receivedBytes : entry?.sentBytes, totalBytes);
  });
}
