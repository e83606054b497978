import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { clientHello, record } from '../../test/support/client-hello.ts';
import { eventually } from '../../test/support/eventually.ts';
import { openPolicy, openTunnel, startRawServer, startTestGateway } from '../../test/support/gateway.ts';
import { tlsPair } from '../../test/support/tls-pair.ts';
import { formatError } from '../lib/errors.ts';
import { isRetryRequest } from './server-hello.ts';

const policy = openPolicy(['good.example'], [443]);
const names = { 'good.example': ['127.0.0.1'] };

/** A real server that wants a key that clients do not send at first. */
async function startRetryServer() {
  const server = createTlsServer({ ...tlsPair, ecdhCurve: 'P-384' });
  server.on('secureConnection', (socket) => socket.pipe(socket)).on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => void server.close() };
}

/** Runs TLS over a socket, with the second ClientHello changed on its way. Resolves with the response to "ping", or the error. */
async function ping(socket: Socket, changeSecond: (hello: Buffer) => Buffer) {
  let hellos = 0;
  const between = createServer((near) => {
    near.on('error', () => {}).on('end', () => socket.end());
    near.on('data', (chunk: Buffer) => {
      if (chunk.includes('good.example')) hellos += 1;
      socket.write(hellos === 2 ? changeSecond(chunk) : chunk);
    });
    socket.on('error', () => near.destroy()).pipe(near);
  });
  await once(between.listen(0, '127.0.0.1'), 'listening');
  const secure = connectTls({
    host: '127.0.0.1',
    port: (between.address() as AddressInfo).port,
    servername: 'good.example',
    ecdhCurve: 'X25519:P-384',
    rejectUnauthorized: false,
  });
  secure.write('ping');
  const response = await once(secure, 'data').then(([data]) => String(data), formatError);
  secure.destroy();
  socket.destroy();
  between.close();
  return { response, hellos };
}

const same = (hello: Buffer) => hello;
const evil = (hello: Buffer) => Buffer.from(hello.toString('latin1').replace('good.', 'evil.'), 'latin1');

test('a client whose server wants a second ClientHello is connected', async () => {
  using server = await startRetryServer();
  await using gateway = await startTestGateway({ policy, names, ports: { 443: server.port } });
  const { socket } = await openTunnel(gateway, 'good.example:443');
  assert.deepEqual(await ping(socket, same), { response: 'ping', hellos: 2 });
  assert.deepEqual(
    (await gateway.stop()).entries.map(({ verdict }) => verdict),
    ['allowed'],
  );
});

test('a second ClientHello with another name does not reach the server, which would believe it', async () => {
  using server = await startRetryServer();
  const direct = connect(server.port, '127.0.0.1');
  await once(direct, 'connect');
  // The server continues. Only this client does not, because it knows nothing of the change.
  assert.match((await ping(direct, evil)).response, /bad record mac/);
  await using gateway = await startTestGateway({ policy, names, ports: { 443: server.port } });
  const { socket } = await openTunnel(gateway, 'good.example:443');
  const { response, hellos } = await ping(socket, evil);
  assert.equal(hellos, 2);
  assert.match(response, /alert access denied/);
  const { entries } = await gateway.stop();
  assert.deepEqual(
    entries.map(({ verdict, code }) => [verdict, code]),
    [
      ['allowed', ''],
      ['refused', 'other-server-name'],
    ],
  );
});

const retry = record(
  Buffer.concat([
    Buffer.from([2, 0, 0, 38, 3, 3]),
    Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex'),
    Buffer.alloc(4),
  ]),
);
const ordinary = record(Buffer.concat([Buffer.from([2, 0, 0, 38, 3, 3]), Buffer.alloc(36, 9)]));

for (const [what, response, passes] of [
  ['a request for a second one', retry, false],
  ['a request for a second one, byte by byte', [...retry].map((byte) => Buffer.from([byte])), false],
  ['an ordinary response', ordinary, true],
  ['something that is not TLS', Buffer.from('220 hello'), true],
] as const) {
  test(`a second ClientHello that is sent with the first one waits for the server, which sends ${what}`, async () => {
    const serve = async (socket: Socket) => {
      await once(socket, 'data');
      for (const part of [response].flat()) await new Promise((resolve) => socket.write(part, resolve));
    };
    await using server = await startRawServer({ serve: (socket) => void serve(socket) });
    await using gateway = await startTestGateway({ policy, names, ports: { 443: server.port } });
    const { socket } = await openTunnel(gateway, 'good.example:443');
    socket.resume();
    const first = clientHello('good.example');
    const rest = Buffer.concat([record(Buffer.from([1]), 20), clientHello('evil.example')]);
    socket.write(Buffer.concat([first, rest]));
    if (passes) await eventually(async () => server.received().length === first.length + rest.length);
    else {
      await once(socket, 'end');
      assert.equal(server.received(), first.toString('latin1'));
    }
    socket.destroy();
  });
}

test('whether a server wants another ClientHello is known as soon as its random value is', () => {
  for (const [bytes, expected] of [
    [retry, true],
    [ordinary, false],
    [Buffer.concat([record(Buffer.from([1, 112]), 21), retry]), true],
  ] as const) {
    const needed = bytes.length - 4;
    for (let length = 0; length < needed; length += 1)
      assert.equal(isRetryRequest(bytes.subarray(0, length)), undefined);
    assert.equal(isRetryRequest(bytes.subarray(0, needed)), expected);
  }
});
