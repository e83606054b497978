import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call, tenant } = plane;

test('an error has a body that repeats its status', async () => {
  const missing = await call('GET', `${tenant}/nothing`);
  assert.equal(missing.status, 404);
  assert.deepEqual(Object.keys(missing.body), ['ResponseCode', 'Message', 'ErrorType']);
  assert.deepEqual([missing.body.ResponseCode, missing.body.ErrorType], [404, 'NotFound']);
  for (const path of ['/v1//tenants', `${tenant}/tasks/${'x'.repeat(5000)}`, '/v1/tenants/']) {
    assert.equal((await call('GET', path)).body.ResponseCode, 404, path);
  }
  for (const path of ['/v1/tenants/%zz', `${tenant}/tasks/%E9/turns`, '/v1/tenants/100%']) {
    const { status, body } = await call('GET', path);
    assert.deepEqual([status, body.Message], [400, `the path has a "%" that begins no UTF-8 character: ${path}`]);
  }
});

test('an invalid body is rejected, and the error names the field', async () => {
  const put = async (body: string) => call('PUT', `environments/${randomUUID()}`, { body });
  for (const body of ['{', 'null,', '[]', '7', '"x"']) assert.equal((await put(body)).status, 400, body);
  assert.match((await put('{"EnvVars":[{"Name":"A","Value":7}]}')).body.Message, /EnvVars\.0\.Value/);
  assert.equal((await put('{"NAME":"n","nAmE2":1,"Unknown":{}}')).body.Name, 'n');
  const bytes = await fetch(`${plane.server.url}${tenant}/environments/${randomUUID()}`, {
    method: 'PUT',
    headers: { authorization: `APIToken ${plane.server.admin.tenantToken}` },
    body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  });
  assert.equal(bytes.status, 400);
});

test('a body may be missing, also in chunks', async () => {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const headers = { authorization: `APIToken ${plane.server.admin.tenantToken}`, 'transfer-encoding': 'chunked' };
  const path = `${plane.runner}/tokens/${randomUUID()}`;
  request(plane.server.url + path, { method: 'PUT', headers }, (response) => resolve(response.resume().statusCode))
    .on('error', reject)
    .end();
  assert.equal(await promise, 201);
});

test('a body that is too large is rejected', async () => {
  const { status, body } = await call('PUT', `environments/${randomUUID()}`, { body: ' '.repeat(17 * 1024 * 1024) });
  assert.deepEqual([status, body.ErrorType], [413, 'ContentTooLarge']);
});

test('IDs are case-insensitive', async () => {
  const id = await plane.newEnvironment();
  assert.equal((await call('GET', `environments/${id.toUpperCase()}`)).body.EnvironmentId, id);
  assert.equal((await call('GET', tenant.toUpperCase().replace('/V1/TENANTS', '/v1/tenants'))).status, 200);
});

test('a page token that no list has returned is rejected', async () => {
  for (let n = 0; n < 2; n += 1) await plane.newEnvironment();
  const { NextToken: token } = (await call('GET', 'environments?maxResults=1')).body;
  assert.equal((await call('GET', `environments?token=${token}`)).status, 200);
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const [time, id] = JSON.parse(Buffer.from(token, 'base64url').toString());
  for (const other of [
    ...['{}', '{"a":1}', '[]', 'null', `["${time}"]`, `["${time}",1]`, `["${time}","${id}",1]`].map(encode),
    ...[`${token}=`, `!${token}`, encode(`[ "${time}","${id}"]`), 'x'],
  ]) {
    const { status, body } = await call('GET', `environments?token=${encodeURIComponent(other)}`);
    assert.deepEqual([status, body.Message], [400, 'token is not from this list'], other);
  }
});

test('what a request demands and the server does not do is an error of the API', async () => {
  const { hostname, port } = new URL(plane.server.url);
  const send = async (head: string, body = '') => {
    const socket = connect(Number(port), hostname);
    const authorization = `Authorization: APIToken ${plane.server.admin.tenantToken}\r\n`;
    socket.write(`${head}\r\n${authorization}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const answers = (await text(socket)).replace('HTTP/1.1 100 Continue\r\n\r\n', '');
    const [top = '', content = ''] = answers.split('\r\n\r\n');
    const status = Number(top.split(' ')[1]);
    const answer = content === '' ? undefined : JSON.parse(content);
    if (status >= 400) assert.deepEqual([answer.ResponseCode, typeof answer.Message], [status, 'string'], head);
    return { status, top, message: answer?.Message };
  };
  const path = `${tenant}/environments/${randomUUID()}`;
  assert.equal((await send('GET /v1/tenants HTTP/1.1')).message, 'the request has no Host header');
  assert.equal((await send('GET /v1/tenants HTTP/1.0')).status, 200);
  const expecting = await send(`PUT ${path} HTTP/1.1\r\nHost: localhost\r\nExpect: x`, '{}');
  assert.equal(expecting.status, 417);
  const zipped = await send(`PUT ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: GZIP`, '{}');
  assert.deepEqual(
    [zipped.status, zipped.message],
    [415, 'the server reads no body with Content-Encoding gzip. Send it without one.'],
  );
  assert.match(zipped.top, /\naccept-encoding: identity\r/i);
  const plain = 'Content-Encoding: identity\r\nExpect: 100-continue';
  assert.equal((await send(`PUT ${path} HTTP/1.1\r\nHost: localhost\r\n${plain}`, '{}')).status, 201);
});

test('health and the files of the page name their methods', async () => {
  for (const path of ['/health', '/', '/page.js', '/page.css', '/icon.svg']) {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers, body } = await call(method, path, { token: null });
      assert.deepEqual([status, headers.get('allow'), body.ResponseCode], [405, 'GET, HEAD', 405], `${method} ${path}`);
    }
    for (const method of ['GET', 'HEAD']) assert.equal((await call(method, path, { token: null })).status, 200, path);
  }
});

test('the page at / needs no credential', async () => {
  const { status, body } = await call('GET', '/', { token: null });
  assert.equal(status, 200);
  assert.match(body, /Plan42 control plane/);
});
