import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { startFakeAgents } from '../../../test/support/fake-agents.ts';
import { instanceHeader } from '../../plan42/runner-headers.ts';
import type { NetworkHost, TurnNetwork } from '../../plan42/turn-network.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call, runner } = plane;
const token = await plane.newToken();
const agents = await startFakeAgents({ url: plane.server.url, token });
after(() => agents[Symbol.asyncDispose]());

const host = (Host: string, fields: Partial<NetworkHost> = {}): NetworkHost => ({
  Host,
  Port: 443,
  Verdict: 'Refused',
  Code: 'host-not-allowed',
  Rule: 'no entry allows this host',
  Remedy: `Add "${Host}" to AllowedHosts.`,
  Count: 1,
  SentBytes: 0,
  ReceivedBytes: 0,
  ...fields,
});
const network = (Hosts: NetworkHost[], fields: Partial<TurnNetwork> = {}): TurnNetwork => ({
  Mode: 'Enforce',
  Notes: [],
  Hosts,
  OtherAllowed: 0,
  OtherRefused: 0,
  IsFinal: false,
  ...fields,
});

const report = (taskId: string, Network: unknown, options: object = {}) =>
  call('POST', `${runner}/turn-networks`, {
    token,
    body: { Turns: [{ TaskId: taskId, TurnIndex: 1, Network }] },
    ...options,
  });

async function newTurn() {
  const task = await plane.newTask();
  const path = `tasks/${task}/turns/1`;
  const agentToken = await agents.tokenOf(task);
  const version = async () => (await call('GET', path)).body.Version as number;
  return {
    task,
    path,
    agentToken,
    version,
    upload: async (Index: number, message: string, ifMatch?: number) =>
      call('POST', `${path}/logs`, {
        token: agentToken,
        ifMatch: ifMatch ?? (await version()),
        body: { Index, Logs: [{ Timestamp: '2025-01-01T00:00:00Z', Message: message }] },
      }),
    finish: async () => call('PATCH', path, { ifMatch: await version(), body: { Status: 'Completed' } }),
    log: async () => {
      const response = await fetch(`${plane.server.url}${plane.tenant}/${path}/logs`, {
        headers: { authorization: `APIToken ${plane.server.admin.tenantToken}` },
      });
      return [...(await response.text()).matchAll(/"Message":"((?:[^"\\]|\\.)*)"\}\nid: (\d+)/g)].map(
        ([, message, id]) => [Number(id), JSON.parse(`"${message}"`)],
      );
    },
  };
}

test('a refusal is in the log once, then its count, and the agent notices nothing', async () => {
  const turn = await newTurn();
  const before = await turn.version();
  const evil = host('evil.example');
  const line =
    'plan42: network: refused evil.example:443: no entry allows this host. Add "evil.example" to AllowedHosts.';
  // Before the first entry of the agent, and again with the same report.
  for (const _ of [1, 2]) {
    const { status, body } = await report(turn.task, network([evil]));
    assert.deepEqual([status, body], [200, { Rejected: [] }]);
  }
  assert.equal(await turn.version(), before);
  assert.equal((await call('GET', `${turn.path}/logs/last`, { token: turn.agentToken })).status, 404);
  assert.equal((await turn.upload(0, 'first', before)).status, 200);
  const many = [{ ...evil, Count: 12 }, host('good.example', { Verdict: 'Allowed', Code: '', Remedy: '' })];
  await report(turn.task, network(many));
  await report(turn.task, network([{ ...evil, Count: 99 }, ...many.slice(1)]));
  const last = await call('GET', `${turn.path}/logs/last`, { token: turn.agentToken });
  assert.equal(last.body.Index, 0);
  assert.equal((await turn.upload(2, 'wrong')).status, 409);
  assert.equal((await turn.upload(1, 'second')).status, 200);
  assert.equal((await call('GET', `${turn.path}/logs/last`)).body.Index, 3);
  await turn.finish();
  assert.deepEqual(await turn.log(), [
    [0, line],
    [1, 'first'],
    [2, 'plan42: network: refused evil.example:443 12 times so far'],
    [3, 'second'],
  ]);
  // The gateway counts until the job has exited, and the turn may have finished before.
  const last2 = network([{ ...evil, Count: 99 }, host('late.example')], { IsFinal: true });
  assert.equal((await report(turn.task, last2)).status, 200);
  assert.match(String((await turn.log()).at(-1)?.[1]), /refused late\.example:443/);
  assert.deepEqual((await call('GET', `${turn.path}/network`)).body, last2);
  const { body } = await call('GET', `/page/tasks/${turn.task}`);
  assert.deepEqual(body.Turns[0].Network, last2);
});

test('followers of the log get a refusal at once', async () => {
  const turn = await newTurn();
  const response = await fetch(`${plane.server.url}${plane.tenant}/${turn.path}/logs`, {
    headers: { authorization: `APIToken ${plane.server.admin.tenantToken}` },
  });
  const seen = (async () => {
    for await (const chunk of response.body ?? []) {
      const text = new TextDecoder().decode(chunk);
      if (text.includes('refused')) return text;
    }
    return '';
  })();
  await report(turn.task, network([host('evil.example\u001b[2J')]));
  assert.match(await seen, /refused evil\.example/);
  assert.ok(!(await seen).includes('\\u001b'));
});

test('notes and the first host that is not listed are logged once', async () => {
  const turn = await newTurn();
  const notes = { Mode: 'None', Notes: ['AllowedHosts of the environment is not enforced.'] } as const;
  await report(turn.task, network([], { ...notes, Notes: [...notes.Notes] }));
  await report(turn.task, network([], { ...notes, Notes: [...notes.Notes], OtherRefused: 3 }));
  await report(turn.task, network([], { ...notes, Notes: [...notes.Notes], OtherRefused: 4 }));
  await turn.finish();
  assert.deepEqual(
    (await turn.log()).map(([, message]) => message),
    [
      'plan42: network: AllowedHosts of the environment is not enforced.',
      'plan42: network: further hosts were refused, which are only counted',
    ],
  );
});

test('only the runner that has the turn reports on it', async () => {
  const turn = await newTurn();
  const refused = [{ TaskId: turn.task, TurnIndex: 1 }];
  const empty = network([]);
  const other = `${plane.tenant}/runners/${randomUUID()}`;
  await call('PUT', other, { body: { Name: 'other', IsCloud: false, RunsTasks: true, ProxiesGithub: false } });
  const otherToken = await plane.newToken(other);
  const body = { Turns: [{ TaskId: turn.task, TurnIndex: 1, Network: empty }] };
  const byOther = await call('POST', `${other}/turn-networks`, { token: otherToken, body });
  assert.deepEqual([byOther.status, byOther.body.Rejected], [200, refused]);
  const byAgent = await report(turn.task, empty, { token: turn.agentToken });
  assert.equal(byAgent.status, 403);
  const elsewhere = await report(turn.task, empty, { headers: { [instanceHeader]: randomUUID() } });
  assert.deepEqual(elsewhere.body.Rejected, refused);
  assert.equal((await call('GET', `${turn.path}/network`)).status, 404);
  const own = await report(turn.task, empty, { headers: { [instanceHeader]: agents.instanceId } });
  assert.deepEqual(own.body.Rejected, []);
  const unknown = randomUUID();
  assert.deepEqual((await report(unknown, empty)).body.Rejected, [{ TaskId: unknown, TurnIndex: 1 }]);
});

test('a report has limits', async () => {
  const turn = await newTurn();
  const status = async (Network: unknown) => (await report(turn.task, Network)).status;
  assert.equal(await status(network(Array.from({ length: 201 }, (_, n) => host(`h${n}`)))), 400);
  assert.equal(await status(network([host('x'.repeat(3000))])), 413);
  assert.equal(await status(network([host('x', { Count: -1 })])), 400);
  assert.equal(await status({ ...network([]), Mode: 'Open' }), 400);
  const turns = Array.from({ length: 21 }, () => ({ TaskId: turn.task, TurnIndex: 1, Network: network([]) }));
  assert.equal((await report(turn.task, network([]), { body: { Turns: turns } })).status, 400);
  assert.equal(await status({ ...network([host('x')]), Unknown: 1 }), 200);
  assert.deepEqual((await call('GET', `${turn.path}/network`)).body, network([host('x')]));
});

test('reports survive a restart of the server', async () => {
  const turn = await newTurn();
  await report(turn.task, network([host('x')]));
  await plane.restart();
  assert.equal((await call('GET', `${turn.path}/network`)).status, 200);
});
