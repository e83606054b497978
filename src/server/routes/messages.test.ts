import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { type CallOptions, startControlPlane } from '../../../test/support/control-plane.ts';
import { startFakeAgents } from '../../../test/support/fake-agents.ts';
import type { Json } from '../../../test/support/json.ts';
import { limits } from '../core/limits.ts';

const plane = await startControlPlane({ timing: { logStreamKeepAliveMs: 20 } });
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;
const runnerToken = await plane.newToken();
const agents = await startFakeAgents({ url: plane.server.url, token: runnerToken });
after(() => agents[Symbol.asyncDispose]());

const tenant = plane.server.admin.tenantId;
const main = '00000000-0000-0000-0000-000000000000';

async function newTurn() {
  const task = await plane.newTask();
  const path = `tasks/${task}/turns/1`;
  const agent = await agents.tokenOf(task);
  return {
    task,
    path,
    agent,
    send: (body: object, id: string = randomUUID(), options: CallOptions = {}) =>
      call('PUT', `${path}/messages/${id}`, { body, ...options }),
    finish: async () =>
      call('PATCH', path, { ifMatch: (await call('GET', path)).body.Version, body: { Status: 'Completed' } }),
    stream: (lastEventId?: string, token = agent) =>
      fetch(`${plane.server.url}${plane.tenant}/${path}/messages`, {
        headers: {
          authorization: `APIToken ${token}`,
          accept: 'text/event-stream',
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        },
      }),
  };
}

interface StreamedEvent {
  id: string;
  event: string;
  data: Json;
}

function eventsIn(text: string): StreamedEvent[] {
  return text
    .split('\n\n')
    .map((block) => Object.fromEntries([...block.matchAll(/^(\w+): (.*)$/gm)].map(([, name, value]) => [name, value])))
    .filter(({ event }) => event !== undefined)
    .map(({ id = '', event = '', data = '', retry }) => {
      assert.equal(retry, '1000');
      return { id, event, data: JSON.parse(data) };
    });
}

/** Reads events until there are `count`, then disconnects. */
async function readEvents(response: Response, count: number): Promise<StreamedEvent[]> {
  let seen = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    seen += decoder.decode(chunk, { stream: true });
    if (eventsIn(seen.slice(0, seen.lastIndexOf('\n\n') + 2)).length >= count) break;
  }
  return eventsIn(seen);
}

test('a message of a person reaches the agent, and its answer the person', async () => {
  const turn = await newTurn();
  const [agents, users] = [await turn.stream(), await turn.stream(undefined, plane.server.admin.tenantToken)];
  assert.equal(agents.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const id = randomUUID();
  const sent = await turn.send({ From: tenant.toUpperCase(), FromType: 'Tenant', To: [main], Message: 'é\n<b>' }, id);
  assert.equal(sent.status, 200);
  const { CreatedAt, ...rest } = sent.body;
  assert.ok(Date.parse(CreatedAt) > 0);
  assert.deepEqual(rest, { MessageID: id, FromTenantID: tenant, To: [main], Message: 'é\n<b>' });
  assert.deepEqual(await readEvents(agents, 1), [{ id: '1', event: 'UserMessage', data: sent.body }]);
  const answer = await turn.send({ Message: 'yes' }, randomUUID(), { token: turn.agent });
  assert.deepEqual([answer.body.FromAgentID, answer.body.To, answer.body.FromTenantID], [main, [tenant], undefined]);
  const seen = await readEvents(users, 2);
  assert.deepEqual(
    seen.map(({ event, data }) => [event, data.Message]),
    [
      ['UserMessage', 'é\n<b>'],
      ['AgentMessage', 'yes'],
    ],
  );
});

test('a stream resumes without gap or repetition, and is 204 after the end', async () => {
  const turn = await newTurn();
  for (let i = 1; i <= 120; i += 1) assert.equal((await turn.send({ Message: `m${i}` })).status, 200);
  const texts: string[] = [];
  let last: string | undefined;
  while (texts.length < 120) {
    const events = await readEvents(await turn.stream(last), 1);
    texts.push(...events.map(({ data }) => data.Message));
    last = events.at(-1)?.id;
  }
  assert.deepEqual(
    texts,
    Array.from({ length: 120 }, (_, i) => `m${i + 1}`),
  );
  const quiet = await turn.stream(last);
  const text = quiet.text();
  await turn.send({ Message: 'the last' });
  await turn.finish();
  const rest = await text;
  assert.deepEqual(
    eventsIn(rest).map(({ data }) => data.Message),
    ['the last'],
  );
  for (const id of ['121', '9999']) {
    const over = await turn.stream(id);
    assert.deepEqual([over.status, await over.text()], [204, '']);
  }
  assert.deepEqual(
    eventsIn(await (await turn.stream('120')).text()).map(({ id }) => id),
    ['121'],
  );
  assert.equal((await turn.stream('x')).status, 400);
  const listed: string[] = [];
  for (let token = ''; ; ) {
    const { body } = await call('GET', `${turn.path}/events?maxResults=500&token=${token}`);
    listed.push(...body.Items.map(({ Data }: Json) => Data.Message));
    if (body.NextToken === undefined) break;
    token = body.NextToken;
  }
  assert.deepEqual(listed, [...texts, 'the last']);
  const newest = (await call('GET', `${turn.path}/events?maxResults=1`)).body.Items;
  assert.deepEqual([newest.length, newest[0].Event], [1, 'UserMessage']);
  assert.equal((await call('HEAD', `${turn.path}/messages`)).status, 200);
});

test('a stream that begins after its end is refused, so that no later message is left out', async () => {
  const turn = await newTurn();
  for (const id of ['1', '9999']) {
    const answer = await turn.stream(id);
    assert.deepEqual([answer.status, ((await answer.json()) as Json).ErrorType], [400, 'BadRequest']);
  }
  const [first, none] = [await turn.stream('0'), await turn.stream('')];
  await turn.send({ Message: 'one' });
  for (const stream of [first, none, await turn.stream('0')])
    assert.deepEqual(
      (await readEvents(stream, 1)).map(({ data }) => data.Message),
      ['one'],
    );
  const next = await turn.stream('1');
  await turn.send({ Message: 'two' });
  assert.deepEqual(
    (await readEvents(next, 1)).map(({ data }) => data.Message),
    ['two'],
  );
  assert.equal((await turn.stream('3')).status, 400);
});

test('the last events of a turn come first on request, and a page token of another list is refused', async () => {
  const turn = await newTurn();
  for (let i = 1; i <= 5; i += 1) await turn.send({ Message: `m${i}` });
  const read = async (query: string) => (await call('GET', `${turn.path}/events?${query}`)).body;
  const texts = ({ Items }: Json) => Items.map(({ Data }: Json) => Data.Message);
  const page = await read('newestFirst=true&maxResults=3');
  assert.deepEqual(texts(page), ['m5', 'm4', 'm3']);
  const rest = await read(`newestFirst=true&maxResults=3&token=${page.NextToken}`);
  assert.deepEqual([texts(rest), rest.NextToken], [['m2', 'm1'], undefined]);
  const forged = [['x'], [1.5], [1, 2], [], {}, 1, [null], [[1]], ['1']].map((value) => JSON.stringify(value));
  for (const text of [...forged, 'x', '[1e400]', '[-1e99]']) {
    const token = Buffer.from(text).toString('base64url');
    assert.equal((await call('GET', `${turn.path}/events?token=${token}`)).status, 400, text);
    // A number is for no list whose order has texts, and the other way round.
    assert.equal((await call('GET', `tasks?token=${token}`)).status, 400, text);
    assert.equal((await call('GET', `tasks/${turn.task}/turns?token=${token}`)).status, 400, text);
  }
});

test('a quiet stream gets keep-alive comments', async () => {
  const response = await (await newTurn()).stream();
  for await (const chunk of response.body ?? []) {
    assert.equal(new TextDecoder().decode(chunk), ': keep-alive\n\n');
    break;
  }
});

test('a message can be sent again, also after the end, and another one with its ID is a conflict', async () => {
  const turn = await newTurn();
  const id = randomUUID();
  const first = await turn.send({ Message: 'one' }, id);
  assert.deepEqual((await turn.send({ Message: 'one' }, id.toUpperCase())).body, first.body);
  const other = await turn.send({ Message: 'two' }, id);
  assert.deepEqual([other.status, other.body.CurrentType, other.body.ResponseCode], [409, undefined, 409]);
  assert.deepEqual(other.body.Current, first.body, 'without a type, because the Go client knows none');
  assert.equal((await turn.send({ Message: 'one' }, id, { token: turn.agent })).status, 409, 'another sender');
  await turn.finish();
  assert.deepEqual((await turn.send({ Message: 'one' }, id)).body, first.body);
  const late = await turn.send({ Message: 'late' });
  assert.deepEqual([late.status, late.body.ErrorType, late.body.CurrentType], [409, 'UpdateCompletedTurn', 'Turn']);
  assert.match(late.body.Message, /^the turn is finished, .*start the next turn/);
  assert.equal((await turn.send({ Message: 'late' }, undefined, { token: turn.agent })).status, 409);
  assert.equal(eventsIn(await (await turn.stream()).text()).length, 1);
});

test('a sender is the holder of the token, and an agent writes only in its own turn', async () => {
  const [turn, other] = [await newTurn(), await newTurn()];
  const asAgent = { token: turn.agent };
  const cases: [expected: number, body: object, options?: CallOptions][] = [
    [403, { Message: 'x', FromType: 'Agent' }],
    [403, { Message: 'x', From: randomUUID() }],
    [403, { Message: 'x', FromType: 'Tenant' }, asAgent],
    [400, { Message: 'x', From: randomUUID() }, asAgent],
    [403, { Message: 'x' }, { token: other.agent }],
    [403, { Message: 'x' }, { token: runnerToken }],
    [401, { Message: 'x' }, { token: null }],
    [400, { Message: '' }],
    [400, { Message: ' \n\t' }],
    [413, { Message: 'x', Newer: 'x'.repeat(limits.otherObject.max) }],
    [400, {}],
    [400, { Message: 'x', FromType: 'Robot' }],
    [400, { Message: 'x', To: [randomUUID()] }],
    [400, { Message: 'x', To: 'all' }],
    [413, { Message: 'x'.repeat(limits.messageText.max + 1) }],
    [200, { Message: 'x'.repeat(limits.messageText.max), To: null, From: null, FromType: null, Newer: 1 }],
  ];
  for (const [expected, body, options] of cases) {
    assert.equal((await turn.send(body, undefined, options)).status, expected, JSON.stringify(body).slice(0, 100));
  }
  assert.equal((await turn.send({ Message: 'x' }, 'no-uuid')).status, 400);
  for (const token of [other.agent, runnerToken]) assert.equal((await turn.stream(undefined, token)).status, 403);
  const noTurn = `tasks/${turn.task}/turns/2/messages/${randomUUID()}`;
  assert.equal((await call('PUT', noTurn, { body: { Message: 'x' } })).status, 404);
  assert.equal((await call('GET', `tasks/${randomUUID()}/turns/1/messages`)).status, 404);
});

test('fields of newer clients are kept, and half of a surrogate pair becomes U+FFFD', async () => {
  const turn = await newTurn();
  const id = randomUUID();
  const url = `${plane.server.url}${plane.tenant}/${turn.path}/messages/${id}`;
  const put = (body: string) =>
    fetch(url, { method: 'PUT', headers: { authorization: `APIToken ${plane.server.admin.tenantToken}` }, body });
  const body =
    '{"Message": "a\\ud83d b\\ud83d\\ude00", "Newer": {"\\udead": "\\udfff"}, "createdat": "x", "MessageId": "y"}';
  const first: Json = await (await put(body)).json();
  assert.deepEqual([first.Message, first.Newer, first.MessageID], ['a\ufffd b😀', { '\ufffd': '\ufffd' }, id]);
  assert.ok(Date.parse(first.CreatedAt) > 0);
  assert.equal(first.MessageId ?? first.createdat, undefined);
  assert.deepEqual(await (await put(body)).json(), first);
  assert.deepEqual((await readEvents(await turn.stream(), 1))[0]?.data, first);
  assert.equal((await put(body.replace('\\udfff', 'A'))).status, 409);
});

test('messages of a turn are limited in size, and survive a restart', async () => {
  const turn = await newTurn();
  const Message = 'x'.repeat(limits.messageText.max - 1000);
  let sent = 0;
  for (;;) {
    const answer = await turn.send({ Message });
    if (answer.status !== 200) {
      assert.deepEqual([answer.status, answer.body.ErrorType], [413, 'ContentTooLarge']);
      assert.match(answer.body.Message, /^the messages of the turn reach 16 MiB together; go on in the next turn$/);
      break;
    }
    sent += 1;
  }
  assert.ok(sent > 250 && sent < 261, String(sent));
  await turn.finish();
  await plane.restart();
  assert.equal(eventsIn(await (await turn.stream(undefined, plane.server.admin.tenantToken)).text()).length, sent);
});
