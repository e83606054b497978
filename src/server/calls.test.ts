/** Every call of the SDK is answered as the table in docs/control-plane.md says. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { renderControlPlanePage } from '../../scripts/docs/control-plane-page.ts';
import { startControlPlane } from '../../test/support/control-plane.ts';
import { startFakeRunner } from '../../test/support/fake-runner.ts';
import { sdkCalls } from './routes/sdk-calls.ts';

const plane = await startControlPlane();
const runnerToken = await plane.newToken();
const runner = await startFakeRunner({ url: plane.server.url, token: runnerToken });
after(async () => {
  await runner[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});
const { call, tenant } = plane;
const docs = await readFile('docs/control-plane.md', 'utf8');

/** A path of the table with IDs of nothing, below the tenant. */
function concrete(path: string): string {
  return path
    .replace(/^T\b|:tenantId/, (part) => (part === 'T' ? tenant : plane.server.admin.tenantId))
    .replaceAll(/\{(\w+)\}|:(\w+)/g, (_all, a?: string, b?: string) =>
      /turnIndex|iteration|version/.test(a ?? b ?? '') ? '1' : randomUUID(),
    );
}

const rows = [...docs.matchAll(/^\| (?:(\w+) \| )?`([A-Z]+) ([^`]+)` \| (.*) \|$/gm)].map(
  ([, name, method = '', path = '', answer = '']) => ({ name, method, path, answer }),
);

test('the table is that of the routes', () => {
  assert.equal(docs, renderControlPlanePage(docs), 'run "make docs"');
  assert.ok(rows.length > sdkCalls.length);
  for (const { name } of sdkCalls) assert.equal(rows.filter((row) => row.name === name).length, 1, name);
});

test('every call in the table is answered as it says', async () => {
  const task = await plane.newTask();
  const read = async (request: string, token: string | null) => {
    const [method = '', path = ''] = request.split(' ');
    return await call(method, path, { token });
  };
  for (const { method, path, answer } of rows) {
    const request = `${method} ${concrete(path)}`;
    assert.equal((await read(request, null)).status, 401, request);
    const { status, body } = await read(request, plane.server.admin.tenantToken);
    if (answer.startsWith('501')) {
      assert.deepEqual([status, body.ResponseCode, body.ErrorType], [501, 501, 'NotImplemented'], request);
      assert.match(body.Message, /^\w+ is not implemented: \w+ \w+/);
      continue;
    }
    const tokens = answer.split(', ');
    if (tokens.includes('upload') || tokens.includes('download')) {
      assert.equal(status, 401, 'the token is in the URL');
      continue;
    }
    assert.ok(status !== 501 && status !== 405, `${request}: ${status}`);
    assert.doesNotMatch(JSON.stringify(body), /there is no [A-Z]|a token of this kind/, request);
    // Other tests show what a runner may do with its own objects; of another tenant, nothing.
    const other = await read(request.replace(plane.server.admin.tenantId, randomUUID()), runnerToken);
    if (request.includes(plane.server.admin.tenantId) || !tokens.includes('runner')) {
      assert.equal(other.status, 403, request);
    }
  }
  assert.equal((await call('GET', `tasks/${task}`)).status, 200);
});

test('policies of all tenants are not implemented either, and nothing else is of all tenants', async () => {
  for (const all of ['*', '_', '%2A', '%5F']) {
    const { status, body } = await call('GET', `/v1/tenants/${all}/policies`);
    assert.deepEqual([status, body.ErrorType], [501, 'NotImplemented'], all);
    assert.equal((await call('GET', `/v1/tenants/${all}/policies`, { token: null })).status, 401);
    for (const path of ['', '/tasks', '/githubcreds']) {
      assert.equal((await call('GET', `/v1/tenants/${all}${path}`)).status, 403, path);
    }
  }
  assert.equal((await call('GET', `/v1/tenants/${randomUUID()}/policies`)).status, 403);
});

test('a wrong method is answered with 405 and the methods of the path', async () => {
  const id = randomUUID();
  const cases: [request: string, allow: string][] = [
    ['POST tasks', 'GET, HEAD'],
    [`POST tasks/${id}`, 'GET, HEAD, PUT, PATCH, DELETE'],
    ['GET /v1/tasks/search', 'POST'],
    ['HEAD /v1/tasks/search', 'POST'],
    ['DELETE /v1/current-user', 'GET, HEAD'],
    ['OPTIONS environments', 'GET, HEAD'],
    ['PUT policies', 'GET, HEAD'],
    [`HEAD ${runner.path}/messages`, 'GET'],
    [`HEAD repos/${id}/info/refs`, 'GET'],
  ];
  for (const [request, allow] of cases) {
    const [method = '', path = ''] = request.split(' ');
    const { status, headers, body } = await call(method, path);
    assert.deepEqual([status, headers.get('allow')], [405, allow], request);
    if (method !== 'HEAD') assert.deepEqual([body.ResponseCode, body.ErrorType], [405, 'MethodNotAllowed']);
  }
  assert.equal((await call('POST', `${tenant}/nothing`)).status, 404);
});

test('HEAD is like GET without the body', async () => {
  const id = await plane.newTask();
  const finished = await plane.newTask();
  const turn = `tasks/${finished}/turns/1`;
  const { Version } = (await call('GET', turn)).body;
  await call('PATCH', turn, { ifMatch: Version, body: { Status: 'Completed' } });
  for (const path of [tenant, `tasks/${id}`, 'tasks', `${turn}/logs`, `tasks/${randomUUID()}`, 'policies']) {
    const [get, head] = [await call('GET', path), await call('HEAD', path)];
    assert.equal(head.status, get.status, path);
    assert.equal(head.headers.get('content-length'), get.headers.get('content-length'), path);
    assert.equal((await call('HEAD', path, { token: null })).status, 401, path);
  }
  // A stream is not opened, and does not stay open.
  assert.equal((await call('HEAD', `tasks/${id}/turns/1/logs`)).status, 200);
});
