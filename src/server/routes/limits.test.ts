/** Tests the limits of docs/control-plane.md. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { formatLimit, limits } from '../core/limits.ts';

const plane = await startControlPlane();
const runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
after(async () => {
  await runner[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});
const { call } = plane;
const { shortText, mediumText, longText } = limits;

/** A turn that a runner has accepted, with its agent's token. */
async function startAgent(Repos: string[], RepoInfo: object = {}) {
  const id = await plane.newTask({ EnvironmentId: await plane.newEnvironment({ Repos }), RepoInfo });
  const task = `${plane.tenant}/tasks/${id}`;
  await eventually(async () => (await call('GET', task)).body.State === 'Executing');
  const token: string = runner.requests.find(({ Task }) => Task?.TaskId === id).AgentToken;
  const turn = `${task}/turns/1`;
  const patch = async (path: string, body: object) =>
    call('PATCH', path, { token, ifMatch: (await call('GET', path)).body.Version, body });
  return { task, turn, token, patch };
}

test('the documentation has the table of limits', async () => {
  const docs = await readFile('docs/control-plane.md', 'utf8');
  const [table = ''] = /\| limit of \| value \|\n(\|.*\n)+/.exec(docs) ?? [];
  const expected = Object.values(limits).map((limit) => `| ${limit.what} | ${formatLimit(limit)} |\n`);
  assert.equal(table, `| limit of | value |\n|---|---|\n${expected.join('')}`);
});

test('the largest task fits into a message', () => {
  const { task, turn, environment, otherObject, message } = limits;
  assert.ok(task.max + turn.max + environment.max + 2 * otherObject.max < message.max);
});

test('an agent cannot store large texts in its task or turn', async () => {
  const { task, turn, patch } = await startAgent(['o/r', 'é'.repeat(shortText.max / 2)]);
  const texts: [path: string, body: (text: string) => object, max: number][] = [
    [task, (Title) => ({ Title }), shortText.max],
    [task, (Model) => ({ Model }), shortText.max],
    [task, (Prompt) => ({ Prompt }), longText.max],
    [task, (PRLink) => ({ RepoInfo: { 'o/r': { PRLink } } }), shortText.max],
    [task, (name) => ({ RepoInfo: { [name]: {} } }), shortText.max],
    [turn, (Status) => ({ Status }), shortText.max],
    [turn, (OutputMessage) => ({ OutputMessage }), longText.max],
    [turn, (ErrorMessage) => ({ ErrorMessage }), mediumText.max],
    [turn, (PreviousResponseID) => ({ PreviousResponseID }), shortText.max],
    [turn, (LastCommitHash) => ({ CommitInfo: { 'o/r': { LastCommitHash } } }), shortText.max],
  ];
  for (const [path, body, max] of texts) {
    const label = JSON.stringify(body('x'));
    const rejected = await patch(path, body(`${'é'.repeat(max / 2)}x`));
    assert.deepEqual([rejected.status, rejected.body.ErrorType], [413, 'ContentTooLarge'], label);
    assert.match(rejected.body.Message, /^[\w./é]{1,100} is larger than [\d.]+ [KM]iB; shorten it$/, label);
    assert.equal((await patch(path, body('é'.repeat(max / 2)))).status, 200, label);
  }
  assert.equal((await patch(task, { Prompt: 'x'.repeat(63 * 2 ** 20) })).status, 413);
  const endless = { RepoInfo: { 'o/r': { PRStatusUpdatedAt: `2025-01-01T00:00:00.${'1'.repeat(99)}Z` } } };
  assert.equal((await patch(task, endless)).status, 400);
});

test('all fields of an object have a limit together', async () => {
  const count = limits.task.max / shortText.max;
  const { task, patch } = await startAgent(
    ['o/r'],
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`o/r${i}`, {}])),
  );
  const link = 'x'.repeat(shortText.max);
  const repos = (length: number) =>
    Object.fromEntries(Array.from({ length }, (_, i) => [`o/r${i}`, { PRLink: link, FeatureBranch: '' }]));
  const rejected = await patch(task, { RepoInfo: repos(count) });
  assert.equal(rejected.status, 413);
  assert.equal(rejected.body.Message, 'the Task is larger than 2.0 MiB with all its fields; shorten its texts');
  assert.equal((await patch(task, { RepoInfo: repos(400) })).status, 200);
  const unknown = { RepoInfo: { 'o/r': { Unknown: 'x'.repeat(limits.task.max) } } };
  assert.equal((await patch(task, unknown)).status, 413, 'fields that the server does not know count');

  const EnvVars = Array.from({ length: 20 }, (_, i) => ({ Name: `A${i}`, Value: 'x'.repeat(mediumText.max) }));
  const environment = await call('PUT', `environments/${randomUUID()}`, { body: { EnvVars } });
  assert.equal(environment.status, 413);
});

test('a page of a list ends early if it is large', async () => {
  await using own = await startControlPlane();
  const Prompt = 'x'.repeat(longText.max);
  const EnvironmentId = await own.newEnvironment();
  for (let i = 0; i < 10; i += 1) await own.newTask({ Prompt, EnvironmentId });
  const first = (await own.call('GET', 'tasks?maxResults=500')).body;
  assert.deepEqual([first.Tasks.length, typeof first.NextToken], [7, 'string']);
  const second = (await own.call('GET', `tasks?maxResults=500&token=${first.NextToken}`)).body;
  assert.deepEqual([second.Tasks.length, second.NextToken], [3, undefined]);
});

test('deeply nested JSON is rejected', async () => {
  const body = `{"Title":${'['.repeat(5e6)}${']'.repeat(5e6)}}`;
  const { status, body: answer } = await call('PUT', `tasks/${randomUUID()}`, { body });
  assert.deepEqual([status, answer.Message], [400, 'the body is nested deeper than 100 levels']);
});

test('a log that reaches its limit is cut, and its agent goes on', async () => {
  const { turn, token, patch } = await startAgent([]);
  let version = (await call('GET', turn)).body.Version;
  const upload = async (Index: number, Message: string) => {
    const Logs = [{ Timestamp: '2025-01-01T00:00:00Z', Message }];
    const answer = await call('POST', `${turn}/logs`, { token, ifMatch: version, body: { Index, Logs } });
    assert.equal(answer.status, 200);
    version = answer.body.Version;
  };
  const last = async () => (await call('GET', `${turn}/logs/last`)).body;
  const message = 'x'.repeat(limits.uploadBytes.max);
  for (let index = 0; index < 31; index += 1) await upload(index, message);
  assert.equal((await last()).Message, message);
  for (let index = 31; index < 34; index += 1) await upload(index, message);
  assert.equal((await last()).Index, 31);
  assert.match((await last()).Message, /^The log is cut here: it has reached the limit of 32 MiB or 100,000 entries\./);
  // A client that continues after the last entry, and one that counts its own.
  await upload(32, 'x');
  await upload(1000, 'x');
  assert.equal((await last()).Index, 31);
  assert.equal((await patch(turn, { Status: 'Completed' })).status, 200);
});
