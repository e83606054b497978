import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { startFakeAgents } from '../../../test/support/fake-agents.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;
const token = await plane.newToken();
const agents = await startFakeAgents({ url: plane.server.url, token });
after(() => agents[Symbol.asyncDispose]());

const usage = (fields: object = {}) => ({
  Provider: 'OpenAI',
  ProviderModelID: 'gpt-5',
  ResponseID: 'r-1',
  PromptTokens: 100,
  CompletionTokens: 10,
  CachedReadInputTokens: 40,
  CacheCreationInputTokensByTTL: { '5m': 5 },
  ReasoningTokens: 3,
  RequestStartedAt: '2026-01-02T03:04:05Z',
  ResponseCompletedAt: '2026-01-02T03:04:06.5Z',
  ...fields,
});

async function newTurn() {
  const task = await plane.newTask();
  const path = `tasks/${task}/turns/1`;
  return {
    task,
    path,
    agent: await agents.tokenOf(task),
    write: (iteration: number | string, body: object, as = token) =>
      call('PUT', `${path}/iterations/${iteration}/provider-usage`, { token: as, body }),
    sum: async () => (await call('GET', `${path}/provider-usage`)).body,
  };
}

test('a call is stored once, however often it is written, and another one with its number is a conflict', async () => {
  const turn = await newTurn();
  const first = await turn.write(0, usage({ Cost: 0.25, IsEstimate: false }));
  assert.equal(first.status, 201);
  assert.deepEqual([first.body.Source, first.body.Iteration, first.body.TaskId], ['Runner', 0, turn.task]);
  assert.deepEqual((await turn.write(0, usage({ Cost: 0.25, IsEstimate: false }))).body, first.body);
  assert.equal((await turn.write(0, usage({ PromptTokens: 1 }))).status, 409);
  assert.equal((await turn.write(1, usage({ ResponseID: null, Cost: 0.5, IsEstimate: true }))).status, 201);
  assert.deepEqual(await turn.sum(), {
    ...{ Calls: 2, EstimatedCalls: 1, PromptTokens: 200, CompletionTokens: 20, CachedReadInputTokens: 80 },
    ...{ CacheCreationInputTokens: 10, ReasoningTokens: 6, Cost: 0.75 },
  });
  const { body } = await call('GET', `/page/tasks/${turn.task}`);
  assert.deepEqual([body.Turns[0].Usage.Calls, body.Usage.Cost], [2, 0.75]);
});

test('what the runner counted replaces what the agent says, also after the turn', async () => {
  const turn = await newTurn();
  assert.equal((await turn.write(0, usage({ PromptTokens: 7, CachedReadInputTokens: 0 }), turn.agent)).status, 201);
  assert.equal((await turn.sum()).PromptTokens, 7);
  const { Version } = (await call('GET', turn.path)).body;
  await call('PATCH', turn.path, { ifMatch: Version, body: { Status: 'Completed' } });
  assert.equal((await turn.write(0, usage())).status, 201);
  assert.deepEqual([(await turn.sum()).Calls, (await turn.sum()).PromptTokens], [1, 100]);
});

test('only agent and runner of the turn write, and only what is understood', async () => {
  const turn = await newTurn();
  const other = `${plane.tenant}/runners/${randomUUID()}`;
  await call('PUT', other, { body: { Name: 'other', IsCloud: false, RunsTasks: true, ProxiesGithub: false } });
  assert.equal((await turn.write(0, usage(), await plane.newToken(other))).status, 404);
  assert.equal((await turn.write(7, usage(), (await newTurn()).agent)).status, 403);
  assert.equal((await turn.write('x', usage())).status, 400);
  for (const odd of [{ PromptTokens: -1 }, { PromptTokens: 1.5 }, { ResponseCompletedAt: 'today' }, { Provider: 1 }])
    assert.equal((await turn.write(0, usage(odd))).status, 400, JSON.stringify(odd));
  assert.equal((await call('GET', `${turn.path}/provider-usage`)).status, 404);
});

test('events are listed page by page, and summed by time, model and task', async () => {
  const turn = await newTurn();
  const at = (time: string, ProviderModelID: string) => usage({ ResponseCompletedAt: time, ProviderModelID });
  await turn.write(0, at('2027-01-01T10:00:00Z', 'a'));
  await turn.write(1, at('2027-01-01T11:00:00+01:00', 'b'));
  await turn.write(2, at('2027-01-02T10:00:00Z', 'a'));
  const list = async (query: string) => (await call('GET', `provider-usage?${query}`)).body;
  const first = await list(`taskId=${turn.task}&maxResults=2`);
  assert.deepEqual(
    first.Items.map(({ Iteration }: { Iteration: number }) => Iteration),
    [0, 1],
  );
  const second = await list(`taskId=${turn.task}&maxResults=2&token=${first.NextToken}`);
  assert.deepEqual([second.Items.length, second.NextToken], [1, undefined]);
  assert.equal((await list(`taskId=${turn.task}&model=a&start=2027-01-02T00:00:00Z`)).Items.length, 1);
  const sums = async (query: string) =>
    (await call('GET', `provider-usage/summary?taskId=${turn.task}&${query}`)).body.Items.map(
      ({ Group, Usage }: { Group: Record<string, string>; Usage: { Calls: number } }) =>
        Object.values<unknown>(Group).concat(Usage.Calls),
    );
  assert.deepEqual(await sums('groupBy=day,model'), [
    ['2027-01-01', 'a', 1],
    ['2027-01-01', 'b', 1],
    ['2027-01-02', 'a', 1],
  ]);
  assert.deepEqual(await sums('groupBy=month'), [['2027-01', 3]]);
  assert.deepEqual(await sums('groupBy=hour&end=2027-01-02T00:00:00Z'), [['2027-01-01T10:00:00Z', 2]]);
  assert.deepEqual(await sums(''), [[3]]);
  assert.deepEqual(await sums('provider=none'), []);
  for (const query of ['groupBy=colour', 'GroupBy=day', 'taskID=x', 'maxResults=2', 'toString=x'])
    assert.equal((await call('GET', `provider-usage/summary?${query}`)).status, 400, query);
  const unknown = await call('GET', 'provider-usage?groupBy=day');
  assert.match(unknown.body.Message, /^unknown parameter "groupBy"; this call has taskId, .*token$/);
});

test('events survive a restart of the server', async () => {
  const turn = await newTurn();
  await turn.write(0, usage());
  await plane.restart();
  assert.equal((await turn.sum()).Calls, 1);
});
