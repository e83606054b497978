import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { Agent } from 'undici';
import { startControlPlane, type TestControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { fetchAttachments } from '../../agent/attachments.ts';
import { buildPrompt } from '../../agent/prompt/prompt.ts';
import { findApi } from '../../agent/turn/api.ts';
import { parseRequest } from '../../agent/turn/request.ts';
import { systemClock } from '../../lib/clock.ts';
import { backUp } from '../backup.ts';
import { limits } from '../core/limits.ts';
import { restoreBackup } from '../restore.ts';

let now: Date | undefined;
const plane = await startControlPlane({ clock: { ...systemClock, date: () => now ?? new Date() } });
const { call } = plane;
const runnerToken = await plane.newToken();
const runner = await startFakeRunner({ url: plane.server.url, token: runnerToken });
after(async () => {
  await runner[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

const newFile = async (content: Buffer, fields = {}, token?: string) => {
  const path = `files/${randomUUID()}`;
  const body = { Name: 'a b/é".txt', Size: content.length, ...fields };
  const answer = await call('PUT', path, { body, ...(token && { token }) });
  return { path, ...answer };
};

const put = async (url: string, content: Buffer) =>
  await fetch(url, { method: 'PUT', headers: { 'if-none-match': '*' }, body: new Uint8Array(content) });

async function upload(content: Buffer, fields = {}, token?: string): Promise<string> {
  const { path, status, body } = await newFile(content, fields, token);
  assert.equal(status, 201, body.Message);
  assert.equal((await put(body.UploadURL, content)).status, 200);
  return path;
}

const download = async (path: string, { call }: Pick<TestControlPlane, 'call'> = plane) => {
  const { status, body } = await call('GET', `${path}/download-url`);
  assert.equal(status, 200, body.Message);
  return await fetch(body.DownloadURL);
};

/** A turn that a runner has, and the token of its agent. */
async function startAgent(fields = {}) {
  const id = await plane.newTask(fields);
  const find = () => runner.requests.find(({ Task }) => Task?.TaskId === id);
  await eventually(async () => find() !== undefined && (await call('GET', `tasks/${id}`)).body.State === 'Executing');
  return { id, token: find().AgentToken as string };
}

test('a file is created, uploaded, read and deleted', async () => {
  const content = randomBytes(2_500_000);
  const { path, body, status } = await newFile(content, { ModerationScanInfo: { Newer: 1 } });
  assert.equal(status, 201);
  assert.equal((await call('GET', `${path}/download-url`)).status, 409, 'it has no content yet');
  assert.equal((await put(body.UploadURL, content)).status, 200);
  const response = await download(path);
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), content);
  assert.equal(response.headers.get('content-type'), 'application/octet-stream');
  assert.equal(response.headers.get('content-disposition'), "attachment; filename*=UTF-8''a%20b%2F%C3%A9%22.txt");
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  const stored = (await call('GET', path)).body;
  assert.deepEqual(
    [stored.Name, stored.Size, stored.Uploaded, stored.ModerationScanInfo, stored.UploadURL],
    ['a b/é".txt', 2_500_000, true, { Newer: 1 }, undefined],
  );
  assert.deepEqual((await call('GET', 'files')).body.Items, [stored]);
  assert.equal((await call('DELETE', path)).status, 204);
  assert.equal((await call('GET', `${path}/download-url`)).status, 404);
  assert.equal((await call('GET', path)).body.Deleted, true, 'what is known about it stays');
  assert.deepEqual((await call('GET', 'files')).body.Items, []);
});

test('a content that is not complete does not count', async () => {
  const content = randomBytes(1_500_000);
  const { path, body } = await newFile(content);
  const url: string = body.UploadURL;
  assert.equal((await put(url, content.subarray(1))).status, 400);
  const length = { 'content-length': String(content.length) };
  const broken = request(url, { method: 'PUT', headers: length });
  const failed = new Promise((resolve) => broken.once('error', resolve));
  broken.write(content.subarray(0, 1_200_000), () => setImmediate(() => broken.destroy(new Error('gone'))));
  await failed;
  assert.equal((await call('GET', path)).body.Uploaded, false);
  await eventually(async () => (await put(url, content)).status === 200);
  assert.equal((await put(url, content)).status, 412, 'it is not replaced');
  assert.deepEqual(Buffer.from(await (await download(path)).arrayBuffer()), content);
  const chunked = await newFile(content);
  const stream = new Response(new Uint8Array(content)).body;
  const unknown = await fetch(chunked.body.UploadURL, { method: 'PUT', body: stream, duplex: 'half' });
  assert.equal(unknown.status, 411);
});

test('a URL is for one file and one direction, for a quarter of an hour', async () => {
  const content = Buffer.from('content');
  const [{ body: a }, { body: b, path }] = [await newFile(content), await newFile(content)];
  const signature = new URL(a.UploadURL).searchParams.get('signature') ?? '';
  const url = new URL(b.UploadURL);
  url.searchParams.set('signature', signature);
  assert.equal((await put(url.href, content)).status, 403, 'of another file');
  url.searchParams.set('signature', `${signature.slice(0, -3)}AAA`);
  assert.equal((await put(url.href, content)).status, 401);
  url.search = '';
  const unsigned = await put(url.href, content);
  assert.equal(unsigned.status, 401);
  assert.match(await unsigned.text(), /the URL has no valid signature; use an UploadURL/);
  assert.equal((await fetch(a.UploadURL)).status, 403, 'an upload does not allow a download');
  assert.equal((await call('GET', 'files', { token: signature })).status, 403, 'nor any other call');
  assert.equal((await call('GET', path, { token: signature })).status, 403);
  try {
    now = new Date(Date.now() + 15 * 60_000);
    const late = await put(b.UploadURL, content);
    assert.equal(late.status, 401);
    assert.match(await late.text(), /the URL expired at /);
  } finally {
    now = undefined;
  }
  assert.equal((await put(b.UploadURL, content)).status, 200);
});

test('sizes and versions are checked', async () => {
  const status = async (body: object) => (await call('PUT', `files/${randomUUID()}`, { body })).status;
  assert.equal(await status({ Name: 'n', Size: limits.file.max }), 201);
  for (const body of [{ Name: 'n', Size: limits.file.max + 1 }, { Name: 'n', Size: 0 }, { Name: '', Size: 1 }, {}])
    assert.equal(await status(body), 400, JSON.stringify(body));
  const path = await upload(Buffer.from('x'));
  const { Version } = (await call('GET', path)).body;
  const stale = await call('PATCH', path, { ifMatch: 0, body: { IsMalicious: true } });
  assert.deepEqual([stale.status, stale.body.CurrentType], [409, 'File']);
  assert.equal((await call('PATCH', path, { ifMatch: Version, body: { IsMalicious: true } })).status, 200);
  assert.equal((await call('GET', `${path}/download-url`)).status, 403);
  assert.equal((await call('PUT', path, { body: { Name: 'n', Size: 1 } })).status, 409);
});

test('an agent has the files of its task only', async () => {
  const content = Buffer.from('content');
  const [mine, other] = [await upload(content), await upload(content)];
  const idOf = (path: string) => path.replace('files/', '');
  const { id, token } = await startAgent({ FileIDs: [idOf(mine)] });
  const status = async (method: string, path: string, body?: object) =>
    (await call(method, path, { token, ...(body && { body, ifMatch: 1 }) })).status;
  const link = (await call('GET', `${mine}/download-url`, { token })).body.DownloadURL;
  assert.equal(await (await fetch(link)).text(), 'content');
  assert.equal(await status('GET', `${other}/download-url`), 403);
  assert.equal(await status('GET', other), 403);
  assert.equal(await status('GET', `files/${randomUUID()}`), 403);
  assert.equal(await status('GET', 'files'), 403);
  assert.equal(await status('DELETE', mine), 403);
  const made = await upload(content, {}, token);
  assert.equal(await status('GET', made), 200);
  const patch = async (path: string, body: object) =>
    (await call('PATCH', path, { token, ifMatch: (await call('GET', path)).body.Version, body })).status;
  assert.equal(await patch(`tasks/${id}`, { NewFileIDs: [idOf(other)] }), 403, 'it would then have it');
  assert.equal(await patch(`tasks/${id}/turns/1`, { TaskNewFileIDs: [idOf(other)] }), 403);
  assert.equal(await patch(`tasks/${id}`, { NewFileIDs: [idOf(made)] }), 200);
  assert.equal((await call('GET', mine, { token: runnerToken })).status, 403);
  const deleted = await upload(content, {}, token);
  await call('DELETE', deleted);
  const end = { Status: 'Completed', TaskNewFileIDs: [idOf(deleted)] };
  assert.equal(await patch(`tasks/${id}/turns/1`, end), 200, 'it reports its end all the same');
  const another = await startAgent();
  assert.equal((await call('GET', made, { token: another.token })).status, 403);
});

test('the reference agent has the files of its task beside its clones', async () => {
  const [one, two] = [
    await upload(Buffer.from('one'), { Name: 'b/a.txt' }),
    await upload(Buffer.from('two'), { Name: 'a.txt' }),
  ];
  const three = await upload(Buffer.from('three'));
  const FileIDs = [one, two, three].map((path) => path.replace('files/', ''));
  const { id } = await startAgent({ FileIDs });
  await call('DELETE', three);
  const request = parseRequest(JSON.stringify(runner.requests.find(({ Task }) => Task?.TaskId === id)));
  const workspace = await mkdtemp(join(tmpdir(), 'plan42-files-'));
  const transport = new Agent();
  try {
    const api = await findApi(request, { url: plane.server.url, transport });
    const lines: string[] = [];
    const { signal } = new AbortController();
    const attachments = await fetchAttachments({ request, api, workspace, log: (line) => lines.push(line), signal });
    const folder = join(workspace, 'attachments');
    assert.deepEqual(attachments, [join(folder, 'a.txt'), join(folder, '2-a.txt')]);
    assert.deepEqual(await Promise.all(attachments.map((path) => readFile(path, 'utf8'))), ['one', 'two']);
    assert.deepEqual(lines, [
      `The file ${FileIDs[2]} of the task could not be downloaded: 404 the File was deleted`,
      'Downloaded a.txt, 2-a.txt',
    ]);
    assert.ok(buildPrompt({ ...request, attachments }, [], []).includes(`- ${folder}/a.txt\n- ${folder}/2-a.txt`));
  } finally {
    await transport.destroy();
    await rm(workspace, { recursive: true });
  }
});

test('an agent gets URLs at the address where it reaches the server', async () => {
  const { token } = await startAgent();
  const { port } = new URL(plane.server.url);
  const host = `host.docker.internal:${port}`;
  const { promise, resolve } = Promise.withResolvers<string>();
  const path = `${plane.tenant}/files/${randomUUID()}`;
  const headers = { host, authorization: `APIToken ${token}`, 'content-type': 'application/json' };
  request(plane.server.url + path, { method: 'PUT', headers }, (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => (text += chunk)).on('end', () => resolve(text));
  }).end(JSON.stringify({ Name: 'n', Size: 1 }));
  assert.equal(new URL(JSON.parse(await promise).UploadURL).host, host);
});

test('a name that is unsafe as the name of a file is refused', async () => {
  for (const Name of ['a\0', 'a\nb', '../../x', '..', 'a/../b', 'a\\..\\b', 'a\u0085']) {
    const { status, body } = await newFile(Buffer.from('x'), { Name });
    assert.equal(status, 400, JSON.stringify(Name));
    assert.match(body.Message, /^Name must have no control characters/);
  }
  for (const Name of ['..a', 'a..b/c.txt']) assert.equal((await newFile(Buffer.from('x'), { Name })).status, 201);
});

test('HEAD of the URL of a file has the headers of GET', async () => {
  const path = await upload(Buffer.from('abc'));
  const { body } = await call('GET', `${path}/download-url`);
  const [get, head] = [await fetch(body.DownloadURL), await fetch(body.DownloadURL, { method: 'HEAD' })];
  assert.deepEqual([await get.text(), await head.text()], ['abc', '']);
  const ofConnection = new Set(['date', 'connection', 'keep-alive']);
  const headers = (response: Response) => [...response.headers].filter(([name]) => !ofConnection.has(name));
  assert.deepEqual(headers(head), headers(get));
});

test('a task is created with files that exist only', async () => {
  const { body: environment } = await call('GET', 'environments');
  const { EnvironmentId } = environment.Items[0];
  const create = (file: string) =>
    call('PUT', `tasks/${randomUUID()}`, { body: { Title: 't', Prompt: 'p', EnvironmentId, FileIDs: [file] } });
  const deleted = await upload(Buffer.from('x'));
  await call('DELETE', deleted);
  for (const file of ['zz', randomUUID(), deleted.replace('files/', '')]) {
    const { status, body } = await create(file);
    assert.deepEqual([status, body.Message], [400, `FileIDs: no such file: ${file}`]);
  }
});

test('a backup has the contents of files', async () => {
  const content = randomBytes(2_000_000);
  const FileID = (await upload(content)).replace('files/', '');
  const folder = await mkdtemp(join(tmpdir(), 'plan42-files-'));
  try {
    await backUp(plane.dataDir, join(folder, 'backup.db'), { force: false, env: process.env });
    await restoreBackup(join(folder, 'backup.db'), join(folder, 'data'), process.env);
    using restored = new DatabaseSync(join(folder, 'data/plan42.db'), { readOnly: true });
    const parts = restored.prepare('SELECT Content FROM file_parts WHERE FileID = ? ORDER BY Part').all(FileID);
    assert.deepEqual(Buffer.concat(parts.map(({ Content }) => Content as Uint8Array)), content);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('files stay when the server restarts, and retention removes those that no task has', async () => {
  const date = { now: new Date() };
  const clock = { ...systemClock, date: () => date.now };
  await using own = await startControlPlane({ clock, retention: { deletedMs: 86_400_000 } });
  const create = async () => {
    const path = `files/${randomUUID()}`;
    const { body } = await own.call('PUT', path, { body: { Name: 'n', Size: 3 } });
    assert.equal((await put(body.UploadURL, Buffer.from('abc'))).status, 200);
    return path;
  };
  const [used, unused] = [await create(), await create()];
  await own.newTask({ FileIDs: [used.replace('files/', '').toUpperCase()] });
  await own.restart();
  assert.equal(await (await download(unused, own)).text(), 'abc');
  // Not more than the days that retention accepts at a start.
  date.now = new Date(date.now.getTime() + 2 * 86_400_000);
  await own.restart();
  await eventually(async () => (await own.call('GET', unused)).status === 404);
  assert.equal(await (await download(used, own)).text(), 'abc');
});

test('a file without its content cannot be attached', async () => {
  const id = await plane.newTask();
  const { Version } = (await call('GET', `tasks/${id}/turns/1`)).body;
  await call('PATCH', `tasks/${id}/turns/1`, { ifMatch: Version, body: { Status: 'Completed' } });
  const { path, body: file } = await newFile(Buffer.from('abc'));
  const fileId = path.replace('files/', '');
  const attach = async () => {
    const version = (await call('GET', `tasks/${id}`)).body.Version;
    const EnvironmentId = await plane.newEnvironment();
    const task = { Title: 't', Prompt: 'p', EnvironmentId, FileIDs: [fileId] };
    const answers = [
      await call('PUT', `tasks/${randomUUID()}`, { body: task }),
      await call('PATCH', `tasks/${id}`, { ifMatch: version, body: { NewFileIDs: [fileId] } }),
      await call('PUT', `tasks/${id}/turns/2`, { body: { Prompt: 'p', AdditionalFileIDs: [fileId] } }),
    ];
    return answers.map(({ status, body }) => [status, String(body.Message).replace(/^\w+: /, '')]);
  };
  const refusal = [400, `the content of the file ${fileId} was not uploaded; upload it first`];
  assert.deepEqual(await attach(), [refusal, refusal, refusal]);
  // Too short.
  await put(file.UploadURL, Buffer.from('ab'));
  assert.deepEqual((await attach())[0], refusal);
  await put(file.UploadURL, Buffer.from('abc'));
  assert.deepEqual(
    (await attach()).map(([status]) => status),
    [201, 200, 201],
  );
});
