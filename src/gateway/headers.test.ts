import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passedOn } from './headers.ts';
import { parseTarget, showTarget } from './host-name.ts';
import { readRequestTarget } from './request-target.ts';

test('headers of the connection stay with it, and a client cannot remove others', () => {
  const headers = [
    ...['Host', 'a', 'Connection', 'close, X-Secret, Host, Content-Length', 'X-Secret', '1', 'Content-Length', '3'],
    ...[
      'Proxy-Authorization',
      'Basic x',
      'Proxy-Connection',
      'keep-alive',
      'TE',
      'trailers',
      'Upgrade',
      'h2c',
      'X-A',
      '1',
    ],
    ...['x-a', '2', 'Keep-Alive', '5', 'Transfer-Encoding', 'chunked', 'Trailer', 'x', 'HTTP2-Settings', 'y'],
  ];
  assert.deepEqual(passedOn(headers, ['host']), ['Content-Length', '3', 'X-A', '1', 'x-a', '2', 'HTTP2-Settings', 'y']);
});

const read = (url: string, hosts: readonly string[], tunnel?: string) => {
  const result = readRequestTarget(
    { url, rawHeaders: hosts.flatMap((host) => ['Host', host]) },
    tunnel === undefined ? undefined : parseTarget(tunnel),
  );
  return result.kind === 'target' ? `${showTarget(result.target)} ${result.path}` : result.kind;
};

test('a request to the proxy has its host in its URL', () => {
  assert.equal(read('http://A.example/x?y=1#z', ['b.example']), 'a.example:80 /x?y=1');
  assert.equal(read('HTTP://a.example:8080', []), 'a.example:8080 /');
  assert.equal(read('http://a.example?q', []), 'a.example:80 /?q');
  assert.equal(read('http://[::1]:80/', []), '[::1]:80 /');
  assert.equal(read('http://0x7f.1/', []), '127.0.0.1:80 /');
  // Whatever follows the host is a path of this host.
  assert.equal(read('http://a.example\\@b.example/', []), 'a.example:80 /\\@b.example/');
  assert.equal(read('http://a.example#@b.example/', []), 'a.example:80 /');
  const invalid = [
    ...[
      '/',
      '*',
      '',
      'a.example',
      'https://a.example/',
      'ftp://a.example/',
      'http:/a.example/',
      'http:a.example',
      'http://',
    ],
    ...[
      'http://user@a.example/',
      'http://a.example@b.example/',
      'http://a.example:80@b.example/',
      'http://a.example:/',
    ],
    ...['http://a%2eexample/', 'http://a.example:99999/', '//a.example/', ' http://a.example/', 'http:///a.example/'],
  ];
  for (const url of invalid) assert.equal(read(url, ['a.example']), 'invalid', url);
  assert.equal(read('http://a.example/', ['a.example', 'b.example']), 'invalid');
});

test('a request in a tunnel is for the host of the tunnel', () => {
  const tunnel = 'a.example:80';
  assert.equal(read('/x', ['a.example'], tunnel), 'a.example:80 /x');
  assert.equal(read('/x', ['A.EXAMPLE.:80'], tunnel), 'a.example:80 /x');
  assert.equal(read('http://a.example/x', ['a.example'], tunnel), 'a.example:80 /x');
  for (const host of ['b.example', 'a.example.b.example', 'a.example:81', '127.0.0.1', 'xa.example'])
    assert.equal(read('/', [host], tunnel), 'other', host);
  assert.equal(read('http://b.example/', ['a.example'], tunnel), 'other');
  assert.equal(read('http://a.example/', ['b.example'], tunnel), 'other');
  for (const hosts of [
    [],
    [''],
    ['a.example', 'a.example'],
    ['a.example, b.example'],
    ['a.example b.example'],
    ['a.example/'],
  ])
    assert.equal(read('/', hosts, tunnel), 'invalid', hosts.join());
});
