import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { callServer, startControlPlane } from '../../../test/support/control-plane.ts';
import { answerAll, startFakeRunner } from '../../../test/support/fake-runner.ts';
import { type CommandCall, commands } from '../../../test/support/sigv4/commands.ts';
import {
  type P42CtlCall,
  type P42CtlOptions,
  p42Ctl,
  sendCall,
  signCall,
} from '../../../test/support/sigv4/p42-ctl.ts';
import { systemClock } from '../../lib/clock.ts';

let now = new Date();
const plane = await startControlPlane({
  clock: { ...systemClock, date: () => now },
  timing: { runnerResponseTimeoutMs: 5000 },
});
after(() => plane[Symbol.asyncDispose]());
const { tenant } = plane;

async function newKey(): Promise<P42CtlOptions> {
  const { status, body } = await plane.call('POST', 'access-keys', { body: { Name: 'test' } });
  assert.equal(status, 201);
  return { url: plane.server.url, accessKeyId: body.AccessKeyID, secretAccessKey: body.SecretAccessKey };
}

const key = await newKey();
const read: P42CtlCall = { method: 'GET', path: '/v1/tenants' };
const environment = { Name: 'e', DockerImage: 'agent' };
const newWrite = (): P42CtlCall => ({
  method: 'PUT',
  path: `${tenant}/environments/${randomUUID()}`,
  body: environment,
});
const at = (ms: number) => new Date(now.getTime() + ms);

async function refused(answer: Promise<{ status: number; body: { Message: string } }>, message: RegExp): Promise<void> {
  const { status, body } = await answer;
  assert.equal(status, 401, JSON.stringify(body));
  assert.match(body.Message, message);
}

describe('each command of p42-ctl works with an access key', async () => {
  const answer = ({ Type }: { Type: string }) =>
    answerAll({ Type }) ?? { Type: Type.replace('Request', 'Response'), Items: ['a'], ErrorMessage: null };
  const runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken(), answer });
  after(() => runner[Symbol.asyncDispose]());
  const ids: Record<string, string> = { own: plane.server.admin.runnerId, queue: runner.queue.queueId };
  const fill = (text: string) =>
    text.replaceAll(/\{(\w+)\}/g, (_, name: string) => (ids[name] ??= randomUUID())).replace(/^T(?=\/|\?|$)/, tenant);
  const versionAt = async (path: string) => (await p42Ctl(key, { method: 'GET', path: fill(path) })).body.Version;

  async function replay({ method, path, headers, body, versionOf }: CommandCall) {
    const filled = typeof body === 'object' ? (JSON.parse(fill(JSON.stringify(body))) as object) : body;
    const version = versionOf === undefined ? {} : { 'If-Match': String(await versionAt(versionOf)) };
    return p42Ctl(key, {
      method,
      path: fill(path),
      headers: { ...headers, ...version },
      ...(filled && { body: filled }),
    });
  }

  for (const { name, calls } of commands) {
    test(name, async () => {
      for (const call of calls) {
        // Times have whole seconds, and two equal calls in one second have the same signature.
        const { status, body } = await replay(call);
        const what = `${call.method} ${call.path}: ${status} ${JSON.stringify(body)}`;
        if (call.status === undefined) assert.ok(status !== 401 && status !== 403, what);
        else assert.equal(status, call.status, what);
      }
    });
  }
});

test('an access key may be used everywhere, under any region', async () => {
  for (const region of ['plan42', 'us-east-1', 'eu-central-1']) {
    assert.equal((await p42Ctl({ ...key, region }, read)).status, 200);
  }
});

test('wrong keys, secrets and session tokens are refused, each with its reason', async () => {
  await refused(p42Ctl({ ...key, secretAccessKey: 'p42s_wrong' }, read), /made with another secret/);
  await refused(
    p42Ctl({ ...key, secretAccessKey: (await newKey()).secretAccessKey }, read),
    /made with another secret/,
  );
  await refused(p42Ctl({ ...key, accessKeyId: 'AKIDEXAMPLE' }, read), /not of this server\. Create one: plan42 server/);
  await refused(p42Ctl({ ...key, sessionToken: 'x' }, read), /unset AWS_SESSION_TOKEN/);
  const noIdentity = /the credential is not a call of GetCallerIdentity, signed for the service sts/;
  await refused(p42Ctl({ ...key, service: 's3' }, read), noIdentity);
  await refused(p42Ctl({ ...key, region: 'a/b' }, read), noIdentity);
  await refused(p42Ctl({ ...key, host: 'other.example' }, read), /for another request/);
});

test('an access key creates no other one, which would outlive its revocation', async () => {
  const { status, body } = await p42Ctl(key, { method: 'POST', path: `${tenant}/access-keys`, body: { Name: 'n' } });
  assert.deepEqual([status, body.Message], [403, 'an access key cannot create another one; use a tenant token']);
});

test('a request is valid for five minutes by the clock of the server', async () => {
  const status = async (ms: number) => (await p42Ctl({ ...key, date: at(ms) }, read)).status;
  assert.deepEqual(await Promise.all([0, -299_000, 299_000].map(status)), [200, 200, 200]);
  const message =
    /^the request was signed at 20\S+Z, but the clock of the server says 20\S+Z\. Set the clocks of both machines: /;
  for (const ms of [-302_000, 302_000, -86_400_000, 86_400_000])
    await refused(p42Ctl({ ...key, date: at(ms) }, read), message);
});

test('a signature is for one request: nothing of it can be changed', async () => {
  const write = newWrite();
  const signed = signCall(key, write);
  const { path, headers, body } = signed;
  const send = (changes: object) => sendCall(key.url, { ...signed, ...changes });
  await refused(send({ method: 'PATCH' }), /for another request/);
  await refused(send({ path: path.replace(/.$/, (c) => (c === '0' ? '1' : '0')) }), /for another request/);
  await refused(send({ path: `${path}?includeDeleted=true` }), /for another request/);
  await refused(send({ body: body?.replace('agent', 'other') }), /for another request/);
  const uncovered = (name: string) =>
    new RegExp(`for another request: it does not cover the header ${name}\\. Add it to `);
  for (const name of ['If-Match', 'Last-Event-ID'])
    await refused(send({ headers: { ...headers, [name]: '1' } }), uncovered(name));
  const { 'X-Event-Horizon-Signed-Headers': list, ...unlisted } = headers;
  await refused(send({ headers: unlisted }), uncovered('X-Event-Horizon-Signed-Headers'));
  const withoutType = { ...headers, 'X-Event-Horizon-Signed-Headers': `${list}`.replace('Content-Type;', '') };
  await refused(send({ headers: withoutType }), uncovered('Content-Type'));
  await refused(
    send({ headers: { ...headers, 'X-Event-Horizon-Signed-Headers': `${list};If-Match` } }),
    /for another request\. If a proxy changes requests, start the server with --public-url\.$/,
  );
  assert.equal((await send({})).status, 201);
});

test('a write is accepted once, a read again', async () => {
  const write = signCall(key, newWrite());
  assert.equal((await sendCall(key.url, write)).status, 201);
  await refused(sendCall(key.url, write), /was used before\. To repeat the request, sign it again/);
  now = at(9 * 60_000);
  await refused(sendCall(key.url, write), /was signed at/);
  const again = signCall({ ...key, date: now }, read);
  for (let n = 0; n < 3; n += 1) assert.equal((await sendCall(key.url, again)).status, 200);
  const search = { method: 'POST', path: `/v1/tasks/search?taskId=${randomUUID()}`, body: '{}\n' };
  const searched = signCall({ ...key, date: now }, search);
  for (let n = 0; n < 2; n += 1) assert.equal((await sendCall(key.url, searched)).status, 200);
});

test('a write is not accepted again after a restart of the server', async () => {
  // The port changes, the public URL does not.
  await using proxied = await startControlPlane({ publicUrl: 'https://plan42.example.com' });
  const localUrl = async () =>
    (JSON.parse(await readFile(join(proxied.dataDir, 'admin.json'), 'utf8')) as { localUrl: string }).localUrl;
  const { tenantToken: token } = proxied.server.admin;
  const made = await callServer(await localUrl(), 'POST', `${proxied.tenant}/access-keys`, { token, body: {} });
  const { AccessKeyID: accessKeyId, SecretAccessKey: secretAccessKey } = made.body;
  const own = { url: await localUrl(), host: 'plan42.example.com', accessKeyId, secretAccessKey };
  const path = `${proxied.tenant}/environments/${randomUUID()}`;
  const signed = signCall(own, { method: 'PUT', path, body: environment });
  assert.equal((await sendCall(await localUrl(), signed)).status, 201);
  await proxied.restart();
  await refused(sendCall(await localUrl(), signed), /was used before/);
});

test('a delegated token is checked beside the signature', async () => {
  const delegated = (token: string, options = {}) => {
    const signed = signCall({ ...key, date: now, ...options }, read);
    signed.headers['X-Event-Horizon-Delegating-Authorization'] = `APIToken ${token}`;
    return sendCall(key.url, signed);
  };
  const { tenantToken } = plane.server.admin;
  assert.equal((await delegated(tenantToken)).status, 200);
  assert.equal((await delegated(tenantToken, { accessKeyId: 'AKIDEXAMPLE' })).status, 200);
  await refused(delegated('junk'), /the token is not of this server/);
  await refused(delegated(await plane.newToken()), /tenant token/);
  await refused(delegated(tenantToken, { secretAccessKey: 'wrong' }), /made with another secret/);
});

test('a client behind a proxy signs the public URL', async () => {
  await using proxied = await startControlPlane({ publicUrl: 'https://plan42.example.com/ci/' });
  const { localUrl: url } = JSON.parse(await readFile(join(proxied.dataDir, 'admin.json'), 'utf8')) as {
    localUrl: string;
  };
  const token = proxied.server.admin.tenantToken;
  const made = await callServer(url, 'POST', `${proxied.tenant}/access-keys`, { token });
  const own = { url, accessKeyId: made.body.AccessKeyID, secretAccessKey: made.body.SecretAccessKey };
  const signed = signCall({ ...own, host: 'plan42.example.com' }, { method: 'GET', path: '/ci/v1/tenants' });
  assert.equal((await sendCall(own.url, { ...signed, path: '/v1/tenants' })).status, 200);
  await refused(sendCall(own.url, { ...signed, path: '/v1/current-user' }), /with --public-url/);
  const cases: [signedHost: string, receivedHost: string, status: number][] = [
    ['plan42.example.com:443', '127.0.0.1', 200],
    ['plan42.example.com:80', '127.0.0.1', 401],
    ['PLAN42.example.com', 'PLAN42.example.com', 200],
    ['other.example.com', 'OTHER.Example.com:443', 200],
    ['other.example.com:443', 'other.example.com', 200],
    ['other.example.com', 'other.example.com:80', 401],
    ['other.example.com', 'another.example.com', 401],
  ];
  for (const [host, Host, status] of cases) {
    const { headers, ...call } = signCall({ ...own, host }, { method: 'GET', path: '/ci/v1/tenants' });
    const answer = await sendCall(own.url, { ...call, path: '/v1/tenants', headers: { ...headers, Host } });
    assert.equal(answer.status, status, `${host} ${Host}`);
  }
});

test('git does not accept it, because the server does not read its body first', async () => {
  const path = `${tenant}/repos/x.git/info/refs?service=git-upload-pack`;
  const { status, body } = await p42Ctl({ ...key, date: now }, { method: 'GET', path });
  assert.equal(status, 401, JSON.stringify(body));
});

test('a request that is signed itself is refused', async () => {
  for (const authorization of [
    'AWS4-HMAC-SHA256 Credential=x',
    'sts:GetCallerIdentity',
    'sts:GetCallerIdentity ====',
  ]) {
    const { status, body } = await plane.call('GET', '/v1/tenants', { token: null, headers: { authorization } });
    assert.equal(status, 401, authorization);
    if (authorization.startsWith('AWS4'))
      assert.match(body.Message, /^the call is signed itself; .* as p42-ctl sends it/);
  }
  const path = '/v1/tenants?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0';
  const inUrl = await plane.call('GET', path, { token: null });
  assert.equal(inUrl.status, 401);
  assert.match(inUrl.body.Message, /^the call is signed itself; .* as p42-ctl sends it/);
});
