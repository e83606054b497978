import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import {
  get,
  openPolicy,
  openTls,
  openTunnel,
  readAll,
  startRawServer,
  startTestGateway,
} from '../../test/support/gateway.ts';
import { startTestServer } from '../../test/support/http-server.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { withShortPath } from '../lib/short-path.ts';
import { startGateway } from './gateway.ts';
import { type EgressPolicy, policyFile, socketFile, socketFolder, writePolicy } from './policy.ts';

const policy: EgressPolicy = {
  version: 1,
  jobId: 'job',
  mode: 'enforce',
  rules: [],
  addresses: [],
  remedy: 'Add HOST to AllowedHosts.',
};
const writeLine = () => {};

test('a gateway without a policy that it understands does not listen', async () => {
  for (const text of [undefined, '', '{', '{}', JSON.stringify({ ...policy, version: 2 })]) {
    await using dir = await makeTempDir();
    await mkdir(join(dir.path, socketFolder));
    await writeFile(join(dir.path, socketFolder, socketFile), 'left by a killed gateway');
    if (text !== undefined) await writeFile(join(dir.path, policyFile), text);
    await assert.rejects(startGateway({ folder: dir.path, writeLine }));
    assert.deepEqual(await readdir(join(dir.path, socketFolder)), []);
  }
});

test('a gateway listens below a folder with a long path, for every user, until it is disposed of', async () => {
  await using dir = await makeTempDir();
  const folder = join(dir.path, 'x'.repeat(120));
  await mkdir(join(folder, socketFolder), { recursive: true });
  await writePolicy(folder, policy);
  assert.equal((await stat(join(folder, policyFile))).mode & 0o777, 0o600);
  const path = join(folder, socketFolder, socketFile);
  {
    await using _gateway = await startGateway({ folder, writeLine });
    assert.equal((await stat(path)).mode & 0o777, 0o666);
    const socket = await withShortPath(path, async (shortPath) => {
      const socket = connect(shortPath);
      await once(socket, 'connect');
      return socket;
    });
    socket.destroy();
  }
  assert.deepEqual(await readdir(join(folder, socketFolder)), []);
});

test('TLS passes through a tunnel, both ways, and is counted', async () => {
  await using server = await startRawServer({ tls: true });
  const rules = openPolicy(['good.example'], [443]);
  await using gateway = await startTestGateway({
    policy: rules,
    names: { 'good.example': ['127.0.0.1'] },
    ports: { 443: server.port },
  });
  const { status, socket } = await openTunnel(gateway, 'good.example:443');
  assert.equal(status, 200);
  const secure = await openTls(socket, 'good.example');
  const sent = 'x'.repeat(1_000_000);
  let received = 0;
  secure.on('data', (chunk: Buffer) => (received += chunk.length));
  secure.end(sent);
  await once(secure, 'end');
  assert.equal(received, sent.length);
  const { entries } = await gateway.stop();
  assert.equal(entries.length, 1);
  const [entry] = entries;
  assert.deepEqual([entry?.host, entry?.port, entry?.verdict, entry?.count], ['good.example', 443, 'allowed', 1]);
  assert.ok((entry?.sentBytes ?? 0) > sent.length && (entry?.receivedBytes ?? 0) > sent.length);
  assert.deepEqual(gateway.lines, []);
});

test('half of a connection can be closed, and a host may speak first on a port that a rule names', async () => {
  // Like a mail server: greets, then replies when the client has finished.
  const serve = (socket: Socket) => {
    let text = '';
    socket.write('hello ');
    socket.on('data', (chunk: Buffer) => (text += chunk)).once('end', () => socket.end(`got ${text}`));
  };
  await using server = await startRawServer({ serve });
  const policy = openPolicy(['mail.example'], [25]);
  await using gateway = await startTestGateway({
    policy,
    names: { 'mail.example': ['127.0.0.1'] },
    ports: { 25: server.port },
  });
  const { socket } = await openTunnel(gateway, 'mail.example:25');
  assert.equal(String((await once(socket, 'data'))[0]), 'hello ');
  socket.end('letter');
  assert.equal(await readAll(socket), 'got letter');
});

test('plain HTTP passes with its body, its headers and its status', async () => {
  await using server = await startTestServer((response, { method, body }) => {
    response.writeHead(201, 'Made', [...['X-A', '1', 'X-A', '2', 'Connection', 'X-Hop', 'X-Hop', '1']]);
    response.end(`${method} ${body}`);
  });
  const policy = openPolicy(['good.example'], [80, 8080]);
  const names = { 'good.example': ['127.0.0.1'] };
  await using gateway = await startTestGateway({ policy, names, ports: { 80: server.port, 8080: server.port } });
  const response = await get(gateway, 'http://good.example/a%20b?c=d', {
    method: 'POST',
    body: 'text',
    headers: { 'X-B': '3' },
  });
  assert.deepEqual([response.status, response.body, response.headers['x-a']], [201, 'POST text', '1, 2']);
  assert.equal(response.headers['x-hop'], undefined);
  const [seen] = server.requests;
  assert.deepEqual([seen?.url, seen?.headers['x-b'], seen?.headers.host], ['/a%20b?c=d', '3', 'good.example']);
  assert.equal((await get(gateway, 'http://good.example:8080/')).status, 201);
  assert.equal(server.requests[1]?.headers.host, 'good.example:8080');
  assert.equal((await get(gateway, 'http://good.example/', { method: 'POST' })).body, 'POST ');
  const report = await gateway.stop();
  assert.deepEqual(
    report.entries.map(({ port, count }) => [port, count]),
    [
      [80, 2],
      [8080, 1],
    ],
  );
});

test('a stream passes before it ends, and one that is cut does not look complete', async () => {
  let cut = () => {};
  await using server = await startTestServer(async (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: 1\n\n');
    await new Promise<void>((resolve) => (cut = resolve));
    response.destroy();
  });
  const policy = openPolicy(['good.example'], [80]);
  await using gateway = await startTestGateway({
    policy,
    names: { 'good.example': ['127.0.0.1'] },
    ports: { 80: server.port },
  });
  const socket = await gateway.connect();
  socket.write('GET http://good.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n');
  let text = '';
  while (!text.includes('data: 1')) text += String((await once(socket, 'data'))[0]);
  cut();
  text += await readAll(socket);
  assert.doesNotMatch(text, /\r\n0\r\n\r\n$/);
});

test('WebSockets pass, to the proxy and in a tunnel to port 80', async () => {
  const serve = (socket: Socket) =>
    void socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst ');
      socket.pipe(socket);
    });
  await using server = await startRawServer({ serve });
  const policy = openPolicy(['good.example'], [80]);
  await using gateway = await startTestGateway({
    policy,
    names: { 'good.example': ['127.0.0.1'] },
    ports: { 80: server.port },
  });
  const request = (url: string) =>
    `GET ${url} HTTP/1.1\r\nHost: good.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const inTunnel = (await openTunnel(gateway, 'good.example:80')).socket;
  for (const [socket, url] of [
    [await gateway.connect(), 'http://good.example/'],
    [inTunnel, '/'],
  ] as const) {
    socket.write(request(url));
    let text = '';
    while (!text.endsWith('first ')) text += String((await once(socket, 'data'))[0]);
    assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    socket.end('frames');
    assert.equal(await readAll(socket), 'frames');
  }
});

test('SOCKS opens the same tunnels', async () => {
  await using tls = await startRawServer({ tls: true });
  await using http = await startTestServer((response) => void response.end('plain'));
  const policy = openPolicy(['good.example'], [443, 80]);
  const ports = { 443: tls.port, 80: http.port };
  await using gateway = await startTestGateway({ policy, names: { 'good.example': ['127.0.0.1'] }, ports });
  const open = async (port: number) => {
    const socket = await gateway.connect();
    socket.write(Buffer.from([5, 2, 2, 0]));
    assert.deepEqual([...((await once(socket, 'data'))[0] as Buffer)], [5, 0]);
    socket.write(
      Buffer.concat([Buffer.from([5, 1, 0, 3, 12]), Buffer.from('good.example'), Buffer.from([port >> 8, port & 255])]),
    );
    assert.deepEqual([...((await once(socket, 'data'))[0] as Buffer).subarray(0, 2)], [5, 0]);
    return socket;
  };
  const secure = await openTls(await open(443), 'good.example');
  secure.write('ping');
  assert.equal(String((await once(secure, 'data'))[0]), 'ping');
  secure.destroy();
  const plain = await open(80);
  plain.write('GET / HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n');
  assert.match(await readAll(plain), /^HTTP\/1\.1 200 OK.*plain/s);
});

test('a refusal says which host, why, and what would allow it, once in the log, also after a restart', async () => {
  await using gateway = await startTestGateway({ policy: openPolicy(['good.example'], [443]) });
  const response = await gateway.exchange('CONNECT Evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
  const text =
    'plan42: network: refused evil.example:443: no entry allows this host. Add "evil.example" to AllowedHosts.';
  assert.match(
    response,
    /^HTTP\/1\.1 403 Forbidden \(plan42: network: refused evil\.example:443: no entry allows this host\)\r\n/,
  );
  assert.ok(response.endsWith(`\r\n\r\n${text}\n`), response);
  const other = await get(gateway, 'http://evil.example:81/');
  assert.match(other.body, /refused evil\.example:81: .*Add "evil\.example:81"/);
  await gateway.exchange('CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
  const wrongPort = await get(gateway, 'http://good.example/');
  assert.match(wrongPort.body, /"good\.example" does not allow this port/);
  assert.deepEqual(gateway.lines[0], text);
  assert.equal(gateway.lines.length, 3);
  const report = await gateway.stop();
  assert.deepEqual(
    report.entries.map(({ host, port, count, code }) => [host, port, count, code]),
    [
      ['evil.example', 443, 2, 'host-not-allowed'],
      ['evil.example', 81, 1, 'host-not-allowed'],
      ['good.example', 80, 1, 'port-not-allowed'],
    ],
  );
  const lines: string[] = [];
  const again = await startGateway({ folder: gateway.folder, writeLine: (line) => void lines.push(line) });
  await gateway.exchange('CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
  await again[Symbol.asyncDispose]();
  assert.deepEqual(lines, []);
  assert.equal((await gateway.stop()).entries[0]?.count, 3);
});

test('mode observe allows what is public, and lists what would be refused', async () => {
  await using server = await startRawServer();
  const policy = { ...openPolicy(['good.example'], [443]), mode: 'observe' as const };
  const names = { 'private.example': ['10.0.0.1'] };
  await using gateway = await startTestGateway({ policy, names });
  assert.match(await gateway.exchange('CONNECT private.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'), / 403 /);
  assert.match(await gateway.exchange(`CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\nHost: x\r\n\r\n`), / 403 /);
  assert.match(await gateway.exchange('CONNECT missing.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'), / 502 /);
  assert.equal(server.count, 0);
});

test('a request whose name leads to a refused address is refused only, in every mode', async () => {
  for (const mode of ['enforce', 'observe'] as const) {
    const policy = { ...openPolicy(['private.example'], [80]), mode };
    await using gateway = await startTestGateway({ policy, names: { 'private.example': ['10.0.0.1'] } });
    const request = 'GET http://private.example/ HTTP/1.1\r\nHost: private.example\r\nConnection: close\r\n\r\n';
    assert.match(await gateway.exchange(request), /^HTTP\/1\.1 403 .*10\.0\.0\.1 is a private address/);
    const { entries } = await gateway.stop();
    assert.deepEqual(
      entries.map(({ host, verdict, count }) => [host, verdict, count]),
      [['private.example', 'refused', 1]],
    );
  }
});

test('a request without Host, and one for another host than its tunnel, are refused with a reason', async () => {
  await using gateway = await startTestGateway({
    policy: openPolicy(['a.example'], [80]),
    names: { 'a.example': ['127.0.0.1'] },
  });
  assert.match(
    await gateway.exchange('GET http://a.example/ HTTP/1.1\r\n\r\n'),
    /bad request: it has no Host header\n$/,
  );
  const tunnel = 'CONNECT a.example:80 HTTP/1.1\r\nHost: x\r\n\r\n';
  const answer = await gateway.exchange(tunnel, 'GET / HTTP/1.1\r\nHost: b.example\r\n\r\n');
  const refusal = /refused a\.example:80: a request in its tunnel names another host, b\.example:80\. Send/;
  assert.match(answer, refusal);
  assert.match(gateway.lines.join('\n'), refusal);
});

test('the Plan42 server of the job is reached on loopback, under its own name and port only', async () => {
  await using server = await startTestServer(
    (response, { url, headers }) => void response.end(`${url} ${headers.host}`),
  );
  const rule = { host: 'plan42.internal', port: server.port, connectTo: '127.0.0.1', mayBeAnywhere: true };
  await using gateway = await startTestGateway({ policy: { server: rule } });
  const { body } = await get(gateway, `http://plan42.internal:${server.port}/v1`);
  assert.equal(body, `/v1 plan42.internal:${server.port}`);
  const others = [
    `127.0.0.1:${server.port}`,
    `localhost:${server.port}`,
    `plan42.internal:${server.port - 1}`,
    'plan42.internal:80',
  ];
  for (const other of others) assert.equal((await get(gateway, `http://${other}/`)).status, 403, other);
  assert.equal(server.requests.length, 1);
});

test('a host that does not respond is not one that was refused', async () => {
  const closed = await startRawServer();
  const policy = openPolicy(['closed.example', 'missing.example'], [443, 80]);
  await closed[Symbol.asyncDispose]();
  const ports = { 443: closed.port, 80: closed.port };
  await using gateway = await startTestGateway({ policy, names: { 'closed.example': ['127.0.0.1'] }, ports });
  assert.match(
    await gateway.exchange('CONNECT closed.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'),
    / 502 .*cannot reach closed\.example:443: connection refused/s,
  );
  assert.match((await get(gateway, 'http://missing.example/')).body, /its name cannot be looked up \(ENOTFOUND\)/);
  assert.deepEqual(gateway.lines, []);
});

test('connections are limited, with a clear response', async () => {
  await using gateway = await startTestGateway({ limits: { maxConnections: 100 } });
  const open = await Promise.all(Array.from({ length: 100 }, () => gateway.connect()));
  // The gateway accepts in order, so those before are accepted when this one is.
  assert.match(await gateway.exchange(''), /^HTTP\/1\.1 503 .*more than 100 connections/s);
  const rejected = await Promise.all(Array.from({ length: 1000 }, async () => await readAll(await gateway.connect())));
  assert.equal(rejected.filter((text) => !text.startsWith('HTTP/1.1 503 ')).length, 0);
  for (const socket of open) socket.destroy();
  // A probe, which is no refusal.
  const probe = () => gateway.exchange('OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await eventually(async () => (await probe()).startsWith('HTTP/1.1 204 '));
  assert.deepEqual(gateway.lines, []);
});

test('clients that are silent, or never finish what they say, are closed', async () => {
  await using gateway = await startTestGateway({ limits: { headerMs: 300 } });
  const starts = [
    '',
    'G',
    'GET http://a',
    'GET http://a/ HTTP/1.1\r\nX: ',
    'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nGET ',
    '\u0005',
    '\u0005\u0001\0\u0005',
  ];
  await Promise.all(starts.map(async (start) => await gateway.exchange(start)));
});
