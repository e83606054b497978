import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { get, openPolicy, openTls, openTunnel, startRawServer, startTestGateway } from '../../test/support/gateway.ts';
import { startTestServer } from '../../test/support/http-server.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { tlsPair } from '../../test/support/tls-pair.ts';
import { isDirect } from './front-proxy.ts';
import { parseTarget } from './host-name.ts';

/** A proxy that wants credentials, and leads every name to these ports of loopback. */
async function startProxy(ports: Record<number, number>, { tls = false } = {}) {
  const seen: string[] = [];
  const isAllowed = (header: string | undefined) => header === `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
  const server = tls ? createTlsServer(tlsPair) : createServer();
  server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    if (!isAllowed(incoming.headers['proxy-authorization'])) {
      response.writeHead(407).end();
      return;
    }
    const { pathname } = new URL(incoming.url ?? '');
    const onward = request({
      host: '127.0.0.1',
      port: ports[80],
      path: pathname,
      headers: { host: incoming.headers.host },
    });
    onward.on('response', (answer) => answer.pipe(response)).end();
  });
  server.on('connect', (incoming: IncomingMessage, client: Socket, head: Buffer) => {
    seen.push(`CONNECT ${incoming.url}`);
    if (!isAllowed(incoming.headers['proxy-authorization'])) {
      client.end('HTTP/1.1 407 No\r\n\r\n');
      return;
    }
    const onward = connect(ports[443] ?? 0, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.write(head);
      onward.pipe(client).pipe(onward);
    });
    for (const socket of [client, onward]) socket.on('error', () => socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

test('a proxy in front is used with its credentials, except for hosts that are reached directly', async () => {
  await using tls = await startRawServer({ tls: true });
  const hosts: (string | undefined)[] = [];
  await using http = await startTestServer((response, { headers }) => {
    hosts.push(headers.host);
    assert.equal(headers['proxy-authorization'], undefined);
    response.end('plain');
  });
  const ports = { 443: tls.port, 80: http.port };
  await using proxy = await startProxy(ports);
  const policy = {
    ...openPolicy(['good.example', 'direct.example', 'private.example'], [443, 80]),
    proxy: { url: `http://me:p%40ss@127.0.0.1:${proxy.port}`, direct: ['.direct.example'] },
  };
  const names = { 'direct.example': ['127.0.0.1'], 'private.example': ['10.0.0.1'] };
  await using gateway = await startTestGateway({ policy, names, ports });
  // This machine cannot look the name up, but the proxy can.
  const { status, socket } = await openTunnel(gateway, 'good.example:443');
  assert.equal(status, 200);
  const secure = await openTls(socket, 'good.example');
  secure.write('ping');
  assert.equal(String((await once(secure, 'data'))[0]), 'ping');
  secure.destroy();
  assert.equal((await get(gateway, 'http://good.example/x')).body, 'plain');
  assert.equal((await get(gateway, 'http://direct.example/x')).body, 'plain');
  assert.equal((await get(gateway, 'http://private.example/x')).status, 403);
  assert.match(await gateway.exchange('CONNECT private.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'), / 403 /);
  assert.match(await gateway.exchange('CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'), / 403 /);
  assert.deepEqual(proxy.seen, ['CONNECT good.example:443', 'GET http://good.example/x']);
  assert.deepEqual(hosts, ['good.example', 'direct.example']);
});

test('a proxy that wants other credentials is named as the reason, without them', async () => {
  await using proxy = await startProxy({});
  const policy = {
    ...openPolicy(['good.example'], [443]),
    proxy: { url: `http://me:wrong@127.0.0.1:${proxy.port}`, direct: [] },
  };
  await using gateway = await startTestGateway({ policy });
  const response = await gateway.exchange('CONNECT good.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(
    response,
    / 502 .*the proxy in front of the runner refused with status 407, because it wants other credentials/s,
  );
  assert.doesNotMatch(response, /wrong/);
});

for (const host of ['localhost', '127.0.0.1']) {
  test(`an https proxy at ${host} is used by TLS, with an authority of its own, and with credentials`, async () => {
    await using dir = await makeTempDir();
    const caFile = join(dir.path, 'ca.pem');
    await writeFile(caFile, tlsPair.cert);
    await using tls = await startRawServer({ tls: true });
    await using http = await startTestServer((response) => void response.end('plain'));
    await using proxy = await startProxy({ 443: tls.port, 80: http.port }, { tls: true });
    const url = `https://me:p%40ss@${host}:${proxy.port}`;
    const policy = { ...openPolicy(['good.example'], [443, 80]), proxy: { url, direct: [], caFile } };
    await using gateway = await startTestGateway({ policy });
    const { status, socket } = await openTunnel(gateway, 'good.example:443');
    assert.equal(status, 200);
    const secure = await openTls(socket, 'good.example');
    const text = 'ping'.repeat(100_000);
    let response = '';
    secure.on('data', (chunk: Buffer) => (response += chunk)).write(text);
    // The TLS of Node.js, which this proxy has, ends with the first half of a connection.
    await eventually(async () => response === text);
    secure.destroy();
    assert.equal((await get(gateway, 'http://good.example/x')).body, 'plain');
    assert.deepEqual(proxy.seen, ['CONNECT good.example:443', 'GET http://good.example/x']);

    // Without the authority, nothing is sent to the proxy.
    const other = { ...policy, proxy: { url, direct: [] } };
    await using distrustful = await startTestGateway({ policy: other });
    const refusal = await distrustful.exchange('CONNECT good.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(refusal, / 502 .*the proxy in front of the runner: .*DEPTH_ZERO_SELF_SIGNED_CERT/s);
    assert.doesNotMatch(refusal, /p@ss|p%40ss/);
    assert.equal((await get(distrustful, 'http://good.example/x')).status, 502);
    assert.equal(proxy.seen.length, 2);
  });
}

test('hosts in NO_PROXY are reached directly, as curl does', () => {
  const direct = (entry: string, target: string) =>
    isDirect({ direct: [entry] }, parseTarget(target) ?? assert.fail(target));
  for (const entry of ['example.com', '.example.com', '*.example.com', 'EXAMPLE.com', '*', 'example.com:443'])
    assert.equal(direct(entry, 'example.com:443'), true, entry);
  assert.equal(direct('example.com', 'a.example.com:443'), true);
  assert.equal(direct('example.com', 'xexample.com:443'), false);
  assert.equal(direct('example.com:80', 'example.com:443'), false);
  assert.equal(direct('10.0.0.0/8', '10.1.2.3:443'), true);
  assert.equal(direct('10.0.0.0/8', '11.1.2.3:443'), false);
  assert.equal(direct('fd00::/8', '[fd12::1]:443'), true);
  assert.equal(direct('', 'example.com:443'), false);
});
