/** The calls of later clients, signed with an access key: each is accepted as it is, once, and in no other form. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import {
  type P42CtlCall,
  type P42CtlOptions,
  p42Ctl,
  sendCall,
  signCall,
} from '../../../test/support/sigv4/p42-ctl.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { tenant } = plane;
const created = await plane.call('POST', 'access-keys', { body: { Name: 'test' } });
const key: P42CtlOptions = {
  url: plane.server.url,
  accessKeyId: created.body.AccessKeyID,
  secretAccessKey: created.body.SecretAccessKey,
};

/** Makes a call as the key. A write is refused with another body, with another path, and a second time. */
async function make(expected: number, method: string, path: string, options: Omit<P42CtlCall, 'method' | 'path'> = {}) {
  const call = { method, path: path.startsWith('/') ? path : `${tenant}/${path}`, ...options };
  const what = `${method} ${path}`;
  const signed = signCall(key, call);
  if (method !== 'GET') {
    const others = [
      ...(signed.body === undefined ? [] : [{ ...signed, body: signed.body.replace('{', '{ ') }]),
      { ...signed, path: `${signed.path}${signed.path.includes('?') ? '&' : '?'}x=1` },
      { ...signed, headers: { ...signed.headers, 'If-Match': '77' } },
    ];
    for (const other of others) assert.equal((await sendCall(key.url, other)).status, 401, what);
  }
  const { status, body } = await sendCall(key.url, signed);
  assert.equal(status, expected, `${what}: ${JSON.stringify(body)}`);
  if (method !== 'GET') assert.equal((await sendCall(key.url, signed)).status, 401, `${what} again`);
  return body;
}

const ifMatch = (version: number) => ({ headers: { 'If-Match': String(version) } });

test('messages and sub-agents', async () => {
  const task = await plane.newTask();
  const turn = `tasks/${task}/turns/1`;
  const [message, agent] = [randomUUID(), randomUUID()];
  const text = { FromType: 'Tenant', Message: 'Grüße <&> “x”\n' };
  assert.equal((await make(200, 'PUT', `${turn}/messages/${message}`, { body: text })).Message, text.Message);
  await make(200, 'PUT', `${turn}/messages/${randomUUID()}?workstreamID=`, { body: { Message: 'two' } });
  await make(200, 'PUT', `${turn}/subagents/${agent}`, { body: { AgentType: 'Custom', Name: 'a b+c' } });
  assert.equal((await make(200, 'GET', `${turn}/subagents/${agent}`)).Name, 'a b+c');
  await make(200, 'PATCH', `${turn}/subagents/${agent}`, { body: { Status: 'Waiting' }, ...ifMatch(1) });
  assert.equal((await make(200, 'GET', `${turn}/subagents?maxResults=1`)).Items[0].Status, 'Waiting');
  const { NextToken } = await make(200, 'GET', `${turn}/events?maxResults=1`);
  const rest = await make(200, 'GET', `${turn}/events?maxResults=5&token=${encodeURIComponent(NextToken)}`);
  assert.equal(rest.Items.length, 2);
  const { Version } = (await plane.call('GET', turn)).body;
  await make(200, 'PATCH', turn, { body: { Status: 'Completed' }, ...ifMatch(Version) });
  const accept = { Accept: 'text/event-stream' };
  assert.match(await make(200, 'GET', `${turn}/messages`, { headers: accept }), /^event: UserMessage\ndata: .*Grüße/m);
  const stream = { ...accept, 'Last-Event-ID': '1' };
  assert.match(await make(200, 'GET', `${turn}/messages`, { headers: stream }), /^id: 2$/m);
  await make(204, 'GET', `${turn}/messages`, { headers: { ...accept, 'Last-Event-ID': '3' } });
  const late = await make(409, 'PUT', `${turn}/messages/${randomUUID()}`, { body: { Message: 'late' } });
  assert.equal(late.ErrorType, 'UpdateCompletedTurn');
  const signed = signCall(key, { method: 'GET', path: `${tenant}/${turn}/messages`, headers: stream });
  const moved = { ...signed, headers: { ...signed.headers, 'Last-Event-ID': '0' } };
  assert.equal((await sendCall(key.url, moved)).status, 401, 'the position is signed');
});

test('files, whose contents need no signature', async () => {
  const file = `files/${randomUUID()}`;
  const { UploadURL } = await make(201, 'PUT', file, { body: { Name: 'a b+ü.txt', Size: 3 } });
  assert.equal((await fetch(UploadURL, { method: 'PUT', body: 'abc' })).status, 200);
  const { Name, Version } = await make(200, 'GET', file);
  assert.equal(Name, 'a b+ü.txt');
  const { DownloadURL } = await make(200, 'GET', `${file}/download-url`);
  assert.equal(await (await fetch(DownloadURL)).text(), 'abc');
  assert.equal((await make(200, 'GET', 'files?maxResults=500')).Items.length, 1);
  await make(200, 'PATCH', file, { body: { IsMalicious: true }, ...ifMatch(Version) });
  await make(204, 'DELETE', file);
  // A signature of the key does not take the place of that in the URL.
  const content = new URL(DownloadURL);
  const without = await p42Ctl(key, { method: 'GET', path: content.pathname });
  assert.equal(without.status, 401);
});

test('workstreams, their tasks and short names', async () => {
  const [a, b] = [`workstreams/${randomUUID()}`, `workstreams/${randomUUID()}`];
  await make(201, 'PUT', a, { body: { Name: 'a', DefaultShortName: 'A' } });
  await make(201, 'PUT', b, { body: { Name: 'b', Description: '' } });
  await make(204, 'PUT', `${a}/shortnames/x%20y%2Fz+%E2%9C%93`, ifMatch(1));
  const task = `${a}/tasks/${randomUUID()}`;
  await make(201, 'PUT', task, { body: { Title: 't', AssignedToAI: false } });
  const { Version: taskVersion } = await make(200, 'GET', `${task}?includeDeleted=false`);
  await make(200, 'PATCH', task, { body: { Title: 'Ü' }, ...ifMatch(taskVersion) });
  assert.equal((await make(200, 'GET', `${a}/tasks?maxResults=10&taskNumber=1`)).Items[0].Title, 'Ü');
  assert.equal((await make(200, 'GET', 'workstreams?shortName=x%20y%2Fz%2B%E2%9C%93')).Items[0].Name, 'a');
  assert.equal((await make(200, 'GET', 'shortnames')).Items.length, 2);
  const versions = await Promise.all([a, b].map(async (path) => (await plane.call('GET', path)).body.Version));
  const ids = [a, b].map((path) => path.split('/')[1]);
  const move = {
    ...{ SourceWorkstreamID: ids[0], SourceWorkstreamVersion: versions[0] },
    ...{ DestinationWorkstreamID: ids[1], DestinationWorkstreamVersion: versions[1], SetDefaultOnDestination: true },
  };
  const { DestinationWorkstream } = await make(200, 'POST', 'shortnames/A/move', { body: move });
  assert.equal(DestinationWorkstream.DefaultShortName, 'A');
  await make(204, 'DELETE', `${b}/shortnames/A`, ifMatch(DestinationWorkstream.Version));
  await make(204, 'DELETE', b, ifMatch(DestinationWorkstream.Version + 1));
});
