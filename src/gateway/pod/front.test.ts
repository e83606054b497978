import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { openFront } from './front.ts';

const token = Buffer.alloc(32, 7);

async function start(greetingMs?: number, acceptLimits?: (socket: Socket) => void) {
  const front = await openFront({
    port: 0,
    token,
    accept: (socket) => socket.on('data', (chunk: Buffer) => socket.end(`got ${chunk}`)),
    findTargets: async () => Buffer.from('targets'),
    ...(greetingMs !== undefined && { greetingMs }),
    ...(acceptLimits && { acceptLimits }),
  });
  const call = async (...parts: (string | Buffer)[]) => {
    const socket: Socket = connect({ port: front.port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {});
    const received = text(socket).catch(() => 'reset');
    await once(socket, 'connect');
    for (const part of parts) {
      socket.write(part);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return received;
  };
  return { call, [Symbol.asyncDispose]: () => front[Symbol.asyncDispose]() };
}

test('with the token of the job, a connection is passed on from its first byte after that', async () => {
  await using front = await start();
  assert.equal(await front.call(Buffer.concat([Buffer.from('F'), token, Buffer.from('hello')])), 'got hello');
  assert.equal(await front.call('F', token.subarray(0, 5), token.subarray(5), 'hello'), 'got hello');
});

test('the job gets the addresses that it must not reach', async () => {
  await using front = await start();
  assert.equal(await front.call('T', token), 'targets');
});

test('the job gets what its limits require, if the gateway holds some', async () => {
  await using front = await start(undefined, (socket) => socket.end('limits'));
  assert.equal(await front.call('L', token), 'limits');
  assert.ok(['', 'reset'].includes(await front.call('L', Buffer.alloc(32, 8))));
  await using without = await start();
  assert.ok(['', 'reset'].includes(await without.call('L', token)));
});

test('other pods get nothing', async () => {
  await using front = await start();
  const other = Buffer.alloc(32, 8);
  for (const greeting of [Buffer.concat([Buffer.from('F'), other]), Buffer.concat([Buffer.from('T'), other])])
    assert.ok(['', 'reset'].includes(await front.call(greeting, 'hello')));
  assert.ok(['', 'reset'].includes(await front.call(Buffer.concat([Buffer.from('X'), token]), 'hello')));
  assert.ok(['', 'reset'].includes(await front.call(`GET / HTTP/1.1\r\nHost: a.test\r\nX: ${'x'.repeat(50)}\r\n\r\n`)));
});

test('a connection that does not show the token in time is closed', async () => {
  await using front = await start(50);
  assert.equal(await front.call('F', token.subarray(0, 31)), '');
});
