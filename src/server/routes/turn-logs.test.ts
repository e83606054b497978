import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import type { Json } from '../../../test/support/json.ts';

const plane = await startControlPlane({ timing: { logStreamKeepAliveMs: 20 } });
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;

const entry = (message: string) => ({ Timestamp: '2025-01-01T01:00:00.5+01:00', Message: message });

async function newTurn() {
  const path = `${plane.tenant}/tasks/${await plane.newTask()}/turns/1`;
  const version = async () => (await call('GET', path)).body.Version;
  return {
    path,
    version,
    upload: async (Index: number, messages: string[] | null) =>
      call('POST', `${path}/logs`, {
        ifMatch: await version(),
        body: { Index, Logs: messages?.map(entry) ?? null },
      }),
    end: async () => call('PATCH', path, { ifMatch: await version(), body: { Status: 'Completed' } }),
    stream: (lastEventId?: number, signal?: AbortSignal) =>
      fetch(`${plane.server.url}${path}/logs`, {
        headers: {
          authorization: `APIToken ${plane.server.admin.tenantToken}`,
          accept: 'text/event-stream',
          ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
        },
        ...(signal ? { signal } : {}),
      }),
  };
}

/** Reads a stream until it has `text`. */
async function readUntil(response: Response, text: string): Promise<string> {
  let seen = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    seen += decoder.decode(chunk, { stream: true });
    if (seen.includes(text)) break;
  }
  return seen;
}

const event = (id: number, message: string) =>
  `event: log\ndata: {"Timestamp":"2025-01-01T00:00:00.5Z","Message":"${message}"}\nid: ${id}\nretry: 1000\n\n`;
const withoutComments = (text: string) => text.replaceAll(/^:.*\n\n/gm, '');

test('entries are consecutive, starting at 0 or 1', async () => {
  for (const first of [0, 1]) {
    const turn = await newTurn();
    assert.equal((await call('GET', `${turn.path}/logs/last`)).status, 404);
    const before = await turn.version();
    const uploaded = await turn.upload(first, ['a', 'b']);
    assert.deepEqual([uploaded.status, uploaded.body], [200, { Version: before + 1 }]);
    for (const wrong of [0, first + 1, first + 3]) {
      const refused = await turn.upload(wrong, ['x']);
      assert.deepEqual([refused.status, refused.body.CurrentType], [409, 'Turn']);
    }
    assert.equal((await turn.upload(first + 2, null)).status, 200);
    assert.equal((await turn.upload(first + 2, ['c'])).status, 200);
    const last = await call('GET', `${turn.path}/logs/last`);
    assert.deepEqual(last.body, { Index: first + 2, Timestamp: '2025-01-01T00:00:00.5Z', Message: 'c' });
  }
  assert.equal((await (await newTurn()).upload(2, ['x'])).status, 409);
});

test('a batch has at most 500 entries and 1 MB of messages, whatever the size of their JSON', async () => {
  const turn = await newTurn();
  assert.equal((await turn.upload(0, Array(501).fill(''))).status, 413);
  assert.equal((await turn.upload(0, ['x'.repeat(1024 * 1024 + 1)])).status, 413);
  assert.equal((await turn.upload(0, ['é'.repeat(1024 * 512), 'x'])).status, 413);
  assert.equal((await turn.upload(0, ['\u001b'.repeat(1024 * 1024)])).status, 200);
  assert.equal((await turn.upload(1, Array(500).fill('x'))).status, 200);
});

test('an upload needs the version, valid times, and an unfinished turn', async () => {
  const turn = await newTurn();
  const post = (options: object) => call('POST', `${turn.path}/logs`, options);
  assert.equal((await post({ body: { Index: 0, Logs: [] } })).status, 400);
  assert.equal((await post({ ifMatch: 0, body: { Index: 0, Logs: [] } })).body.CurrentType, 'Turn');
  assert.equal(
    (await post({ ifMatch: await turn.version(), body: { Index: 0, Logs: [{ Timestamp: '', Message: '' }] } })).status,
    400,
  );
  assert.equal((await post({ ifMatch: await turn.version(), body: { Logs: [] } })).status, 400);
  await turn.end();
  const late = await turn.upload(0, ['x']);
  assert.deepEqual([late.status, late.body.ErrorType], [409, 'UpdateCompletedTurn']);
});

test('a stream sends stored entries, then new ones, and ends with the turn', async () => {
  const turn = await newTurn();
  await turn.upload(0, ['one']);
  const response = await turn.stream();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const whole = response.text();
  await turn.upload(1, ['two']);
  await turn.upload(2, ['three']);
  await turn.end();
  assert.equal(withoutComments(await whole), event(0, 'one') + event(1, 'two') + event(2, 'three'));
});

test('a stream resumes after Last-Event-ID, and is 204 without further entries', async () => {
  const turn = await newTurn();
  await turn.upload(1, ['one', 'two', 'three']);
  const beyond = await turn.stream(4);
  assert.deepEqual([beyond.status, ((await beyond.json()) as Json).ErrorType], [400, 'BadRequest']);
  assert.match(await readUntil(await turn.stream(2), 'id: 3'), /^(: .*\n\n)*event: log\ndata: .*"three"/);
  await turn.end();
  assert.equal(withoutComments(await (await turn.stream(1)).text()), event(2, 'two') + event(3, 'three'));
  for (const id of [3, 99]) {
    const over = await turn.stream(id);
    assert.deepEqual([over.status, await over.text()], [204, '']);
  }
  assert.equal((await call('GET', `${turn.path}/logs`, { headers: { 'last-event-id': 'x' } })).status, 400);
});

test('a stream of an empty log starts at its first entry, also for clients that send 0 for none', async () => {
  const turn = await newTurn();
  const stream = await turn.stream(0);
  await turn.upload(0, ['one']);
  assert.match(await readUntil(stream, 'id: 0'), /event: log\ndata: .*"one"/);
});

test('a quiet stream gets keep-alive comments, and is released when its reader disconnects', async () => {
  const turn = await newTurn();
  const gone = new AbortController();
  const ended = plane.logged('request', turn.path, 'status=gone');
  await readUntil(await turn.stream(undefined, gone.signal), ': keep-alive\n\n');
  gone.abort();
  await ended;
});

test('a slow reader gets many entries', async () => {
  const turn = await newTurn();
  for (let i = 0; i < 4; i += 1) await turn.upload(i * 500, Array(500).fill('x'.repeat(2000)));
  await turn.end();
  const text = withoutComments(await (await turn.stream()).text());
  assert.equal(text.match(/^event: log$/gm)?.length, 2000);
  assert.ok(text.endsWith('id: 1999\nretry: 1000\n\n'));
});

test('HEAD of a stream has the headers of GET, and ends at once', async () => {
  const turn = await newTurn();
  const headers = { authorization: `APIToken ${plane.server.admin.tenantToken}` };
  const url = `${plane.server.url}${turn.path}/logs`;
  const { status, headers: received } = await fetch(url, { method: 'HEAD', headers });
  assert.deepEqual([status, received.get('content-type')], [200, 'text/event-stream; charset=utf-8']);
});
