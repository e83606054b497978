import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { get, openPolicy, openTls, openTunnel, startRawServer, startTestGateway } from '../../test/support/gateway.ts';
import { startTestServer } from '../../test/support/http-server.ts';
import { isDirect } from './front-proxy.ts';
import { parseTarget } from './host-name.ts';

/** A proxy that wants credentials, and leads every name to these ports of loopback. */
async function startProxy(ports: Record<number, number>) {
  const seen: string[] = [];
  const isAllowed = (header: string | undefined) => header === `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
  const server = createServer((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    if (!isAllowed(incoming.headers['proxy-authorization'])) return void response.writeHead(407).end();
    const { pathname } = new URL(incoming.url ?? '');
    const onward = request({
      host: '127.0.0.1',
      port: ports[80],
      path: pathname,
      headers: { host: incoming.headers.host },
    });
    onward.on('response', (answer) => answer.pipe(response)).end();
  });
  server.on('connect', (incoming, client, head) => {
    seen.push(`CONNECT ${incoming.url}`);
    if (!isAllowed(incoming.headers['proxy-authorization'])) return void client.end('HTTP/1.1 407 No\r\n\r\n');
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
