import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { startFakeAgents } from '../../../test/support/fake-agents.ts';
import type { Json } from '../../../test/support/json.ts';
import { limits } from '../core/limits.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;
const token = await plane.newToken();
const agents = await startFakeAgents({ url: plane.server.url, token });
after(() => agents[Symbol.asyncDispose]());

const main = '00000000-0000-0000-0000-000000000000';

async function newTurn(fields = {}) {
  const task = await plane.newTask(fields);
  const path = `tasks/${task}/turns/1`;
  const agent = await agents.tokenOf(task);
  return {
    task,
    path,
    agent,
    create: (body: object, id: string = randomUUID(), as: string | null = agent) =>
      call('PUT', `${path}/subagents/${id}`, { body, token: as }),
    update: (id: string, ifMatch: number, body: object) =>
      call('PATCH', `${path}/subagents/${id}`, { body, ifMatch, token: agent }),
    read: (id: string, as = agent) => call('GET', `${path}/subagents/${id}`, { token: as }),
    list: async (query = '') => (await call('GET', `${path}/subagents${query}`)).body,
    finish: async () =>
      call('PATCH', path, { ifMatch: (await call('GET', path)).body.Version, body: { Status: 'Completed' } }),
  };
}

const review = { AgentType: 'CodeReview', Name: 'reviewer' };

test('a sub-agent is created once, with what it does not say from its task', async () => {
  const turn = await newTurn({ Model: 'model', ReasoningLevel: 'High' });
  const id = randomUUID();
  const first = await turn.create({ ...review, Prompt: 'Look.', AutoExit: true, Newer: [1] }, id.toUpperCase());
  assert.equal(first.status, 200);
  const { CreatedAt } = first.body;
  assert.deepEqual(first.body, {
    ...{ CreatedAt, UpdatedAt: CreatedAt, TenantId: plane.server.admin.tenantId, TaskId: turn.task, TurnIndex: 1 },
    ...{ AgentID: id, ...review, Prompt: 'Look.', AutoExit: true, Newer: [1] },
    ...{ Model: 'model', ReasoningLevel: 'High', Status: 'Running', Version: 1 },
  });
  assert.deepEqual((await turn.create({ ...review, Prompt: 'Look.', AutoExit: true }, id)).body, first.body);
  const other = await turn.create({ ...review, Prompt: 'Look elsewhere.', AutoExit: true }, id);
  assert.deepEqual([other.status, other.body.CurrentType, other.body.Current], [409, undefined, first.body]);
  const own = await turn.create({ AgentType: 'Custom', Name: 'x', Model: 'm2', ReasoningLevel: 'Low', Prompt: null });
  assert.deepEqual([own.body.Model, own.body.ReasoningLevel, own.body.Prompt], ['m2', 'Low', undefined]);
  const page = await turn.list('?maxResults=1');
  assert.deepEqual(page.Items, [first.body]);
  assert.deepEqual((await turn.list(`?maxResults=1&token=${page.NextToken}`)).Items, [own.body]);
});

test('a sub-agent that waits or ends is an event of the turn, and can write and be written to', async () => {
  const turn = await newTurn();
  const id = randomUUID();
  await turn.create(review, id);
  const send = (body: object, messageId: string = randomUUID()) =>
    call('PUT', `${turn.path}/messages/${messageId}`, { body: { Message: 'x', ...body }, token: turn.agent });
  const sent = await send({ From: id.toUpperCase(), FromType: 'Agent', To: [main] });
  assert.deepEqual([sent.body.FromAgentID, sent.body.To], [id, [main]]);
  assert.deepEqual((await send({ To: [id, id] })).body.To, [id]);
  const waiting = await turn.update(id, 1, { Status: 'Waiting', CompletionMessage: 'Two faults.' });
  assert.deepEqual([waiting.status, waiting.body.Status, waiting.body.Version], [200, 'Waiting', 2]);
  const stale = await turn.update(id, 1, { Status: 'Terminated' });
  assert.deepEqual([stale.status, stale.body.CurrentType, stale.body.Current], [409, undefined, waiting.body]);
  const running = await turn.update(id, 2, { Status: 'Running', Newer: 1 });
  assert.deepEqual([running.status, running.body.Newer], [200, 1]);
  assert.deepEqual((await turn.read(id)).body, running.body);
  const before = { From: id, Message: 'before the end' };
  const messageId = randomUUID();
  assert.equal((await send(before, messageId)).status, 200);
  const terminated = await turn.update(id, 3, { Status: 'Terminated' });
  assert.equal(terminated.status, 200);
  const late = await turn.update(id, 4, { Status: 'Running' });
  assert.deepEqual([late.status, late.body.Current], [409, terminated.body]);
  assert.equal((await send(before, messageId)).status, 200, 'a repeated call');
  for (const body of [{ From: id }, { To: [id] }, { To: [main, id.toUpperCase()] }]) {
    const refused = await send(body);
    assert.deepEqual([refused.status, refused.body.Current.AgentID], [409, id], JSON.stringify(body));
    assert.match(refused.body.Message, /has ended/);
  }
  assert.equal((await turn.read(randomUUID())).status, 404);
  assert.equal((await turn.update(randomUUID(), 1, { Status: 'Running' })).status, 404);
  assert.equal((await turn.update(id, 4, { Status: 'Asleep' })).status, 400);
  await turn.finish();
  const events = await (
    await fetch(`${plane.server.url}${plane.tenant}/${turn.path}/messages`, {
      headers: { authorization: `APIToken ${turn.agent}` },
    })
  ).text();
  const completions = [...events.matchAll(/event: SubAgentCompletion\ndata: (.*)/g)].map(([, data]) =>
    JSON.parse(data ?? ''),
  );
  assert.deepEqual(completions, [
    { AgentID: id, StillRunning: true, CompletionMessage: 'Two faults.' },
    { AgentID: id, StillRunning: false, CompletionMessage: '' },
  ]);
});

test('sub-agents end with their turn', async () => {
  const turn = await newTurn();
  const id = randomUUID();
  const { body } = await turn.create(review, id);
  await turn.finish();
  assert.deepEqual(
    (await turn.list()).Items.map((agent: Json) => agent.Status),
    ['Terminated'],
  );
  assert.deepEqual((await turn.create(review, id)).body, body);
  const late = await turn.create(review);
  assert.deepEqual([late.status, late.body.ErrorType], [409, 'UpdateCompletedTurn']);
  assert.match(late.body.Message, /^the turn is finished, .* create it in the next turn$/);
  const changed = await turn.update(id, 1, { Status: 'Waiting' });
  assert.match(changed.body.Message, /^the turn is finished, and its sub-agents have ended with it$/);
  assert.equal((await turn.read(id, plane.server.admin.tenantToken)).body.Status, 'Terminated');
  // The token is for the turn while it runs. Only its streams respond afterwards, because they report the end.
  for (const path of [`subagents/${id}`, 'subagents', 'events'])
    assert.equal((await call('GET', `${turn.path}/${path}`, { token: turn.agent })).status, 401, path);
  assert.equal((await call('GET', `${turn.path}/messages`, { token: turn.agent })).status, 204);
});

test('wrong sub-agents are refused', async () => {
  const [turn, other] = [await newTurn(), await newTurn()];
  const cases: [expected: number, body: object, id?: string | undefined, as?: string | null][] = [
    [400, review, main],
    [400, review, 'no-uuid'],
    [400, { ...review, Name: '' }],
    [400, { ...review, AgentType: 'Spy' }],
    [400, { Name: 'x' }],
    [413, { ...review, Prompt: 'x'.repeat(limits.otherObject.max) }],
    [403, review, undefined, other.agent],
    [403, review, undefined, token],
    [401, review, undefined, null],
  ];
  for (const [expected, body, id, as] of cases) {
    const { status } = await turn.create(body, id, as);
    assert.equal(status, expected, JSON.stringify(body).slice(0, 100));
  }
  for (let i = 0; i < limits.subAgents.max; i += 1) assert.equal((await turn.create(review)).status, 200);
  assert.equal((await turn.create(review)).status, 413);
});
