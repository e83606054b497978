import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { systemClock } from '../../lib/clock.ts';
import { createLogger, silentLogger } from '../../lib/logger.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { listen } from './listener.ts';

test('malformed HTTP gets the API’s error, and the server keeps running', async () => {
  await using listener = await listen({ host: '127.0.0.1', port: 0 }, { tls: undefined, closeGraceMs: 100 });
  listener.serve(async (_request, response) => void response.end('fine'));
  const long = `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${'x'.repeat(70_000)}\r\n\r\n`;
  const cases: [junk: string, status: number, message: string][] = [
    ['junk\r\n\r\n', 400, 'malformed HTTP request'],
    ['\u0001\u0002 / HTTP/1.1\r\n\r\n', 400, 'malformed HTTP request'],
    ['GET / HTTP/1.1\r\nHost x\r\n\r\n', 400, 'malformed HTTP request'],
    ['FOO / HTTP/1.1\r\n\r\n', 501, 'the server does not know the method of the request'],
    [long, 431, 'the headers of the request are larger than 16 KiB'],
  ];
  for (const [junk, status, message] of cases) {
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
    socket.write(junk);
    const answer = await text(socket);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} [A-Z][A-Za-z ]+\r\n`));
    const body = JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
    assert.deepEqual([body.ResponseCode, body.Message], [status, message]);
  }
  assert.equal(await (await fetch(listener.url)).text(), 'fine');
});

test('connections that wait for their client make room for others', async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'warn', format: 'text', write: (line) => lines.push(line) });
  const limits = new ConnectionLimits(64 + 20, logger, systemClock, () => false);
  assert.deepEqual([limits.total, limits.perAddress], [20, 15]);
  await using listener = await listen({ host: '127.0.0.1', port: 0 }, { tls: undefined, closeGraceMs: 100, limits });
  let waiting = 0;
  const finish = Promise.withResolvers<void>();
  listener.serve(async (request, response) => {
    if (request.url === '/wait') {
      waiting += 1;
      await finish.promise;
    }
    request.resume().once('error', () => {});
    request.once('end', () => response.end('fine'));
  });
  const opened: Socket[] = [];
  const open = async (text: string) => {
    const socket = connect({ port: listener.port, host: '127.0.0.1' }).on('error', () => {});
    opened.push(socket);
    socket.write(text);
    await once(socket, 'connect');
    return socket;
  };
  const long = await open('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n');
  await eventually(async () => waiting === 1);
  for (const half of [
    '',
    'GET / HTTP/1.1\r\nHost: x\r\n',
    'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf',
  ]) {
    for (let i = 0; i < 20; i += 1) await open(half);
    assert.equal(await (await fetch(listener.url, { headers: { connection: 'close' } })).text(), 'fine');
  }
  await eventually(async () => opened.filter(({ destroyed }) => !destroyed).length <= limits.perAddress);
  assert.ok(!long.destroyed, 'a request that is being processed is not closed');
  finish.resolve();
  const [answer] = await once(long, 'data');
  assert.match(String(answer), /fine/);
  assert.equal(lines.filter((line) => line.includes('too many connections')).length, 1);
  assert.match(lines[0] ?? '', /few open files allowed limit=84 connections=20/);
  for (const line of lines) assert.match(line, /remedy="raise ulimit -n, or LimitNOFILE of the service"/);
  for (const socket of opened) socket.destroy();
});

test('the total is shared by all addresses, and the largest one makes room', async () => {
  const limits = new ConnectionLimits(64 + 20, silentLogger, systemClock, () => false);
  await using listener = await listen({ host: '127.0.0.1', port: 0 }, { tls: undefined, closeGraceMs: 100, limits });
  listener.serve(async (_request, response) => void response.end('fine'));
  const open = async (localAddress: string) => {
    const socket = connect({ port: listener.port, host: '127.0.0.1', localAddress }).on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  const others: Socket[] = [];
  for (let i = 0; i < 3; i += 1) others.push(await open('127.0.0.2'));
  const many: Socket[] = [];
  for (let i = 0; i < 15; i += 1) many.push(await open('127.0.0.3'));
  for (let i = 0; i < 5; i += 1) others.push(await open('127.0.0.4'));
  await eventually(async () => many.filter(({ destroyed, closed }) => destroyed || closed).length === 3);
  assert.ok(others.every(({ destroyed }) => !destroyed));
  for (const socket of [...others, ...many]) socket.destroy();
});

test('a reverse proxy on this machine may use all connections for its clients', async () => {
  const limits = new ConnectionLimits(64 + 20, silentLogger);
  // As a listener for IPv4 and IPv6 sees it, too.
  for (const host of ['127.0.0.1', '::']) {
    await using listener = await listen({ host, port: 0 }, { tls: undefined, closeGraceMs: 100, limits });
    const finish = Promise.withResolvers<void>();
    listener.serve(async (_request, response) => {
      await finish.promise;
      response.end('fine');
    });
    const polls = Array.from({ length: limits.total }, () =>
      fetch(`http://127.0.0.1:${listener.port}/`, { headers: { connection: 'close' } }).then((response) =>
        response.text(),
      ),
    );
    // Were they the connections of one client, a quarter of them would be closed.
    setImmediate(finish.resolve);
    assert.deepEqual(new Set(await Promise.all(polls)), new Set(['fine']));
  }
});
