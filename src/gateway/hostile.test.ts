/** Ways around the policy for a client that has read the source. In each case the forbidden server must receive nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { clientHello, helloMessage, record, serverNameExtension } from '../../test/support/client-hello.ts';
import {
  get,
  openPolicy,
  openTls,
  openTunnel,
  type RawServer,
  readAll,
  startRawServer,
  startTestGateway,
  type TestGateway,
} from '../../test/support/gateway.ts';

interface Setting extends AsyncDisposable {
  gateway: TestGateway;
  /** Behind `good.example` on the ports of TLS and HTTP. */
  tls: RawServer;
  http: RawServer;
  /** On another loopback port: nothing allows it. */
  forbidden: RawServer;
}

const answer = (socket: Socket) =>
  void socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'));

async function start(limits = {}): Promise<Setting> {
  await using stack = new AsyncDisposableStack();
  const tls = stack.use(await startRawServer({ tls: true }));
  const http = stack.use(await startRawServer({ serve: answer }));
  const forbidden = stack.use(await startRawServer());
  let lookUps = 0;
  const gateway = stack.use(
    await startTestGateway({
      policy: {
        ...openPolicy(['good.example', 'changing.example', 'mixed.example', '*.wild.example'], [443, 80]),
        rules: [
          ...['good.example', 'mixed.example', '*.wild.example', 'xn--bcher-kva.example'].map((host) => rule(host)),
          ...[
            'private.example',
            'loopback.example',
            'metadata.example',
            'mapped.example',
            'zero.example',
            'own.example',
          ].map((host) => rule(host)),
          rule('changing.example', [443, 80, forbidden.port]),
          { ...rule('internal.example', [443, forbidden.port]), mayBePrivate: true },
        ],
      },
      names: {
        'good.example': ['127.0.0.1'],
        'a.wild.example': ['127.0.0.1'],
        'xn--bcher-kva.example': ['127.0.0.1'],
        'evil.example': ['127.0.0.1'],
        'private.example': ['10.0.0.1', '192.168.0.1', 'fd00::1'],
        'loopback.example': ['127.0.0.2', '::1'],
        'metadata.example': ['169.254.169.254'],
        'mapped.example': ['::ffff:127.0.0.1', '::7f00:1'],
        'zero.example': ['0.0.0.0', '::'],
        'own.example': ['127.0.0.53'],
        'internal.example': ['127.0.0.3', '169.254.169.254', '100.64.0.1'],
        'mixed.example': ['10.0.0.1', '127.0.0.1'],
        // First what is permitted, then what is not: there must be no second look-up.
        'changing.example': () => (lookUps++ % 2 === 0 ? ['127.0.0.1'] : ['127.0.0.2']),
      },
      ports: { 443: tls.port, 80: http.port },
      limits,
    }),
  );
  const owned = stack.move();
  return { gateway, tls, http, forbidden, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const rule = (host: string, ports = [443, 80]) => ({ host, ports, source: `"${host}"`, mayBePrivate: false });
const statusOf = (response: string) => Number(response.slice(9, 12));

test('targets that no entry allows', async (t) => {
  await using setting = await start();
  const { gateway, forbidden } = setting;
  const port = forbidden.port;
  const targets = [
    ...[
      'evil.example:443',
      'good.example.evil.example:443',
      'xgood.example:443',
      'wild.example:443',
      'xwild.example:443',
    ],
    ...['.good.example:443', '*.wild.example:443', 'example:443', 'localhost:443', 'plan42.internal:443'],
    ...[`good.example:${port}`, 'good.example:22', 'good.example:8443', `127.0.0.1:${port}`, `localhost:${port}`],
    ...[`127.1:${port}`, `0x7f000001:${port}`, `2130706433:${port}`, `017700000001:${port}`, `[::1]:${port}`],
    ...[
      `[::ffff:127.0.0.1]:${port}`,
      `[::ffff:7f00:1]:443`,
      `[::127.0.0.1]:443`,
      `0:${port}`,
      `0.0.0.0:${port}`,
      `[::]:${port}`,
    ],
    ...['169.254.169.254:80', '2852039166:80', '0xa9fea9fe:80', '[::ffff:169.254.169.254]:80', '[fd00:ec2::254]:80'],
    ...['8.8.8.8:443', '[2001:4860:4860::8888]:443', '１２７.0.0.1:22', `127。0。0。1:${port}`, `127.0.0.1.:${port}`],
    ...[
      'private.example:443',
      'loopback.example:443',
      'metadata.example:80',
      'metadata.example:443',
      'mapped.example:443',
    ],
    ...[
      'zero.example:443',
      'own.example:443',
      'internal.example:443',
      `internal.example:${port}`,
      '64:ff9b::7f00:1:443',
    ],
    ...['xn--bcher-kva.example.evil:443', 'büchеr.example:443', '[fe80::1%25lo]:443', '[64:ff9b::7f00:1]:443'],
  ];
  for (const target of targets) {
    await t.test(`CONNECT ${target}`, async () => {
      const response = await gateway.exchange(`CONNECT ${target} HTTP/1.1\r\nHost: good.example:443\r\n\r\n`);
      assert.ok([400, 403].includes(statusOf(response)), response);
    });
    await t.test(`GET http://${target}/`, async () => {
      const text = Buffer.from(`GET http://${target}/ HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n`);
      const response = await gateway.exchange(text);
      assert.ok([400, 403].includes(statusOf(response)), response);
    });
    await t.test(`SOCKS ${target}`, async () => {
      const [, host = '', portText] = /^\[?(.*?)\]?:(\d+)$/.exec(target) ?? [];
      const name = Buffer.from(host);
      const request = Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.alloc(2)]);
      request.writeUInt16BE(Number(portText), request.length - 2);
      const response = Buffer.from(await gateway.exchange(Buffer.from([5, 1, 0]), request), 'latin1');
      assert.deepEqual([...response.subarray(0, 3)], [5, 0, 5]);
      assert.ok([1, 2, 4].includes(response[3] ?? 0), response.toString('hex'));
    });
  }
  await t.test('the forbidden server was not reached', () => assert.equal(forbidden.count, 0));
});

test('spellings of an allowed host are allowed, and lead to its checked address', async () => {
  await using setting = await start();
  for (const target of [
    'good.example',
    'GOOD.example',
    'good.example.',
    'bücher.example',
    'A.WILD.EXAMPLE.',
    'mixed.example',
  ]) {
    const { status, socket } = await openTunnel(setting.gateway, `${Buffer.from(target).toString('latin1')}:443`);
    assert.equal(status, target === 'bücher.example' ? 400 : 200, target);
    socket.destroy();
  }
  assert.equal((await openTunnel(setting.gateway, 'XN--BCHER-kva.example:443')).status, 200);
});

test('a name with changing addresses is connected to the address that was checked', async () => {
  await using setting = await start();
  const { gateway, http, forbidden } = setting;
  const statuses: number[] = [];
  for (let n = 0; n < 6; n++) statuses.push((await get(gateway, 'http://changing.example/')).status);
  // An idle connection that was checked may be used again.
  assert.ok(statuses.every((status) => status === 200 || status === 403));
  assert.ok(statuses.includes(200));
  for (let n = 0; n < 6; n++) {
    const { status, socket } = await openTunnel(gateway, `changing.example:${forbidden.port}`);
    assert.equal(status, 403);
    socket.destroy();
  }
  assert.ok(http.count > 0);
  assert.equal(forbidden.count, 0);
});

test('TLS in a tunnel', async (t) => {
  await using setting = await start({ headerMs: 1000 });
  const { gateway, tls } = setting;
  const good = serverNameExtension('good.example');
  const hello = clientHello('good.example');
  const cases: Record<string, readonly Buffer[]> = {
    'another name': [clientHello('evil.example')],
    'a name below': [clientHello('a.good.example')],
    'a name above': [clientHello('example')],
    'no name': [clientHello()],
    'an address as its name': [clientHello('127.0.0.1')],
    'two names': [clientHello('good.example', 'evil.example')],
    'a name with a zero byte': [clientHello('good.example\0.evil.example')],
    'two extensions with names': [record(helloMessage(good, serverNameExtension('evil.example')))],
    'another name in fragments': [...clientHello('evil.example')].map((byte) => Buffer.from([byte])),
    'another name in records': [
      record(helloMessage(serverNameExtension('evil.example')).subarray(0, 40)),
      record(helloMessage(serverNameExtension('evil.example')).subarray(40)),
    ],
    'a second ClientHello in the record': [record(Buffer.concat([helloMessage(good), helloMessage()]))],
    'plain HTTP': [Buffer.from('GET / HTTP/1.1\r\nHost: good.example\r\n\r\n')],
    'HTTP/2 in plain text': [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    SSH: [Buffer.from('SSH-2.0-OpenSSH_9.9\r\n')],
    'an old ClientHello': [Buffer.from([0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10])],
    'a ClientHello that never ends': [hello.subarray(0, -1)],
    'one byte': [Buffer.from([22])],
    'no byte': [],
  };
  for (const [what, parts] of Object.entries(cases)) {
    await t.test(what, async () => {
      const { status, socket } = await openTunnel(gateway, 'good.example:443');
      assert.equal(status, 200);
      const before = tls.received();
      for (const part of parts) {
        await new Promise((resolve) => socket.write(part, resolve));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await readAll(socket);
      assert.equal(tls.received(), before);
    });
  }
  await t.test('the host received nothing', () => assert.equal(tls.received(), ''));
  await t.test('the right name passes, also in fragments, in another spelling, and before the response', async () => {
    const { socket } = await openTunnel(gateway, 'good.example:443');
    const secure = await openTls(socket, 'GOOD.example');
    secure.write('ping');
    assert.equal(String((await once(secure, 'data'))[0]), 'ping');
    secure.destroy();
    const early = await gateway.connect();
    early.write(
      Buffer.concat([Buffer.from('CONNECT good.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'), hello.subarray(0, 20)]),
    );
    await once(early, 'data');
    for (const byte of hello.subarray(20)) {
      await new Promise((resolve) => early.write(Buffer.from([byte]), resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // The server does not know our invented ciphers, but it has received the ClientHello and reports that.
    assert.equal(((await once(early, 'data'))[0] as Buffer)[0], 21);
    early.destroy();
  });
});

test('plain HTTP', async (t) => {
  await using setting = await start({ headerMs: 1000 });
  const { gateway, http, forbidden } = setting;
  const tunnelled = async (...parts: readonly string[]) => {
    const { status, socket } = await openTunnel(gateway, 'good.example:80');
    assert.equal(status, 200);
    for (const part of parts) {
      await new Promise((resolve) => socket.write(part, resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return await readAll(socket);
  };
  const rejected: Record<string, () => Promise<string>> = {
    'another Host in a tunnel': () => tunnelled('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n'),
    'two Hosts in a tunnel': () => tunnelled('GET / HTTP/1.1\r\nHost: good.example\r\nHost: evil.example\r\n\r\n'),
    'no Host in a tunnel': () => tunnelled('GET / HTTP/1.0\r\n\r\n'),
    'a folded Host': () => tunnelled('GET / HTTP/1.1\r\nHost: good.example\r\n evil.example\r\n\r\n'),
    'a Host before a colon and a space': () =>
      tunnelled('GET / HTTP/1.1\r\nHost : evil.example\r\nHost: good.example\r\n\r\n'),
    'another URL in a tunnel': () => tunnelled('GET http://evil.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n'),
    'a tunnel in a tunnel': () =>
      tunnelled(`CONNECT 127.0.0.1:${forbidden.port} HTTP/1.1\r\nHost: good.example\r\n\r\n`),
    'an allowed tunnel in a tunnel': () => tunnelled('CONNECT good.example:443 HTTP/1.1\r\nHost: good.example\r\n\r\n'),
    'TLS in a tunnel to port 80': () => tunnelled(clientHello('good.example').toString('latin1')),
    'HTTP/2 in a tunnel': () => tunnelled('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    'HTTP/2 to the proxy': () => gateway.exchange('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    'SOCKS in a tunnel': () => tunnelled('\u0005\u0001\0'),
    'both lengths': () =>
      gateway.exchange(
        'POST http://good.example/ HTTP/1.1\r\nHost: good.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n',
      ),
    'two lengths': () =>
      gateway.exchange(
        'POST http://good.example/ HTTP/1.1\r\nHost: good.example\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n',
      ),
    'a strange transfer encoding': () =>
      gateway.exchange(
        'POST http://good.example/ HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: xchunked\r\n\r\n',
      ),
    'a line that ends with LF': () => gateway.exchange('GET http://good.example/ HTTP/1.1\nHost: good.example\n\n'),
    'a request without a host': () => gateway.exchange('GET / HTTP/1.1\r\nHost: good.example\r\n\r\n'),
    'an https URL': () => gateway.exchange('GET https://good.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n'),
    'a file': () => gateway.exchange('GET file:///etc/passwd HTTP/1.1\r\nHost: good.example\r\n\r\n'),
    'headers without an end': () =>
      gateway.exchange('GET http://good.example/ HTTP/1.1\r\nHost: good.example\r\nX-', 'A'),
    'headers that are too long': () =>
      gateway.exchange(`GET http://good.example/ HTTP/1.1\r\nHost: good.example\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`),
    'no version': () => gateway.exchange('GET http://good.example/\r\n\r\n'),
    'another proxy version': () => gateway.exchange('\u0004\u0001\0\u0050\u007f\0\0\u0001\0'),
  };
  for (const [what, send] of Object.entries(rejected)) {
    await t.test(what, async () => {
      const count = http.received().length;
      const response = await send();
      assert.ok(response === '' || [400, 403, 408, 431, 502].includes(statusOf(response)), response);
      assert.equal(http.received().length, count);
    });
  }

  await t.test('each request of a connection is decided', async () => {
    const response = await gateway.exchange(
      'GET http://good.example/1 HTTP/1.1\r\nHost: good.example\r\n\r\n' +
        `GET http://127.0.0.1:${forbidden.port}/2 HTTP/1.1\r\nHost: good.example\r\n\r\n`,
    );
    assert.match(response, /^HTTP\/1\.1 200 OK\r\n.*goodHTTP\/1\.1 403 Forbidden/s);
    const tunnel = await tunnelled(
      'GET /1 HTTP/1.1\r\nHost: good.example\r\n\r\n',
      'GET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n',
    );
    assert.match(tunnel, /^HTTP\/1\.1 200 OK\r\n.*goodHTTP\/1\.1 403 Forbidden/s);
    assert.doesNotMatch(http.received(), /\/2|evil/);
  });

  await t.test('the host gets its own name, whichever the client sends', async () => {
    const { status } = await get(gateway, 'http://good.example/own', { headers: { Host: 'evil.example' } });
    assert.equal(status, 200);
    assert.match(http.received(), /GET \/own HTTP\/1\.1\r\nHost: good\.example\r\n/);
    assert.doesNotMatch(http.received(), /evil/);
  });

  await t.test('an upgrade to HTTP/2 is not passed on', async () => {
    const headers = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQ' };
    assert.equal((await get(gateway, 'http://good.example/h2c', { headers })).status, 200);
    assert.doesNotMatch(http.received(), /h2c\b(?! HTTP)|HTTP2-Settings/i);
  });

  await t.test('a WebSocket that the host does not accept is no way to send it more', async () => {
    const response = await gateway.exchange(
      'GET http://good.example/ws HTTP/1.1\r\nHost: good.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'GET /after HTTP/1.1\r\nHost: evil.example\r\n\r\n',
    );
    assert.equal(statusOf(response), 502);
    assert.doesNotMatch(http.received(), /after|evil/);
  });

  await t.test('the forbidden server was not reached', () => assert.equal(forbidden.count, 0));
});

test('SOCKS', async (t) => {
  await using setting = await start({ headerMs: 500 });
  const { gateway, forbidden } = setting;
  const request = (command: number, type: number, rest: readonly number[]) =>
    Buffer.from([5, command, 0, type, ...rest]);
  const port = [forbidden.port >> 8, forbidden.port & 255];
  const cases: Record<string, readonly Buffer[]> = {
    'to listen': [Buffer.from([5, 1, 0]), request(2, 1, [127, 0, 0, 1, ...port])],
    'for UDP': [Buffer.from([5, 1, 0]), request(3, 1, [127, 0, 0, 1, ...port])],
    'of an unknown type': [Buffer.from([5, 1, 0]), request(1, 2, [127, 0, 0, 1, ...port])],
    'to an address': [Buffer.from([5, 1, 0]), request(1, 1, [127, 0, 0, 1, ...port])],
    'to an IPv6 address': [Buffer.from([5, 1, 0]), request(1, 4, [...Array.from({ length: 15 }, () => 0), 1, ...port])],
    'to a mapped address': [
      Buffer.from([5, 1, 0]),
      request(1, 4, [...Array.from({ length: 10 }, () => 0), 255, 255, 127, 0, 0, 1, ...port]),
    ],
    'to an empty name': [Buffer.from([5, 1, 0]), request(1, 3, [0, ...port])],
    'to a name with a zero byte': [Buffer.from([5, 1, 0]), request(1, 3, [3, 97, 0, 98, ...port])],
    'with a password': [Buffer.from([5, 1, 2])],
    'without an end': [Buffer.from([5, 1, 0]), request(1, 3, [200, 97])],
    'without methods': [Buffer.from([5, 255])],
    'all at once': [
      Buffer.concat([Buffer.from([5, 1, 0]), request(1, 1, [127, 0, 0, 1, ...port]), Buffer.from('GET /')]),
    ],
  };
  for (const [what, parts] of Object.entries(cases)) {
    await t.test(what, async () => {
      const bytes = Buffer.from(await gateway.exchange(...parts), 'latin1');
      const reply = bytes[1] === 0 ? bytes[3] : bytes[1];
      assert.notEqual(bytes.length > 2 || bytes[1] !== 0 ? reply : 1, 0, bytes.toString('hex'));
    });
  }
  await t.test('the forbidden server was not reached', () => assert.equal(forbidden.count, 0));
});
