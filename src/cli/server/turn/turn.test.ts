import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callServer } from '../../../../test/support/control-plane.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { FakeMachine } from '../../../../test/support/fake-machine.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { startTestServer, type TestServer } from '../../../../test/support/start-test-server.ts';
import type { AdminTurn } from '../../../plan42/admin-objects.ts';
import type { NetworkHost, TurnNetwork } from '../../../plan42/turn-network.ts';

async function createTask(test: TestServer): Promise<AdminTurn> {
  const { stdout } = await test.plan42(['task', 'create', '--image', 'example.com/agent:1', '--prompt', 'x']);
  return test.client.getTurn(stdout.trimEnd(), 1);
}

describe('plan42 server turn create', () => {
  it('adds a turn after a finished one', async () => {
    await using test = await startTestServer();
    const turn = await createTask(test);
    await test.updateTurn(turn.TaskId, { Status: 'Completed' });
    const run = await test.plan42(['turn', 'create', turn.TaskId, '--prompt', 'again', '--json']);
    const created = JSON.parse(run.stdout) as AdminTurn;
    assert.deepEqual([run.exitCode, created.TurnIndex, created.Prompt], [0, 2, 'again']);
  });

  it('rejects a turn while the latest is unfinished', async () => {
    await using test = await startTestServer();
    const { TaskId } = await createTask(test);
    const run = await test.plan42(['turn', 'create', TaskId, '--prompt', 'again']);
    assert.equal(run.exitCode, 1);
    assert.match(
      run.stderr,
      /^ERROR: turn 1 is not finished yet: [\w ]+\. Wait for it with "plan42 server task follow /,
    );
  });
});

describe('plan42 server turn list', () => {
  it('lists the turns with their machines', async () => {
    await using test = await startTestServer();
    const { TaskId } = await createTask(test);
    const { Token: token } = JSON.parse((await test.plan42(['token', 'create', '--json'])).stdout) as { Token: string };
    await using machine = await FakeMachine.start({ url: test.server.url, token, name: 'm1', slots: 1 });
    await eventually(async () => machine.tasks.length === 1);
    await test.updateTurn(TaskId, { Status: 'Completed' });
    const run = await test.plan42(['turn', 'list', TaskId]);
    assert.match(
      run.stdout,
      /^TURN\tSTATUS\tMACHINE\tCREATED\tCOMPLETED\tELAPSED\n1\tCompleted\tm1\t\d{4}-\S+ \S+\t\d{4}-.* s\n/,
    );
    const [turn] = parseAs(
      'server-turn-list.json',
      (await test.plan42(['turn', 'list', TaskId, '--json'])).stdout,
    ) as AdminTurn[];
    assert.deepEqual([turn?.Machine, turn?.Image], ['m1', 'example.com/agent:1']);
    assert.match(
      (await test.plan42(['task', 'show', TaskId])).stdout,
      /\nTurn 1 {2}Completed {2}.* s, on m1, example\.com\/agent:1\n/,
    );
    assert.match((await test.plan42(['task', 'list'])).stdout, /^TASK\tTITLE\tTURN\tSTATE\tMACHINE\t.*\n.*\tm1\t/);
  });
});

describe('plan42 server task show', () => {
  it('shows the network of a turn, and the command that allows a refused host', async () => {
    await using test = await startTestServer();
    const { TaskId } = await createTask(test);
    const { Token: token } = JSON.parse((await test.plan42(['token', 'create', '--json'])).stdout) as { Token: string };
    await using machine = await FakeMachine.start({ url: test.server.url, token, name: 'm1', slots: 1 });
    await eventually(async () => machine.tasks.length === 1);
    const { tenantId, runnerId } = test.server.admin;
    const host = { Port: 443, Count: 2, SentBytes: 0, ReceivedBytes: 2048 };
    const Hosts: NetworkHost[] = [
      {
        ...host,
        Host: 'b.example',
        Verdict: 'Refused',
        Code: 'host-not-allowed',
        Rule: 'no',
        Remedy: 'Add it there and to egress.allowed of the runner.',
        Count: 1,
      },
      { ...host, Host: 'registry.npmjs.org', Verdict: 'Allowed', Code: '', Rule: '"npm" in AllowedHosts', Remedy: '' },
      {
        ...host,
        Host: 'pypi.org',
        Port: 8443,
        Verdict: 'Refused',
        Code: 'host-not-allowed',
        Rule: 'no',
        Remedy: 'Add.',
      },
    ];
    const Network: TurnNetwork = {
      Mode: 'Enforce',
      Notes: ['A note.'],
      Hosts,
      OtherAllowed: 3,
      OtherRefused: 0,
      IsFinal: true,
    };
    const body = { Turns: [{ TaskId, TurnIndex: 1, Network }] };
    const path = `/v1/tenants/${tenantId}/runners/${runnerId}/turn-networks`;
    assert.equal((await callServer(test.server.url, 'POST', path, { token, body })).status, 200);

    const { EnvironmentId } = await test.client.getTask(TaskId);
    const [section = ''] =
      / {2}Network:\n(?: {4}.*\n)+/.exec((await test.plan42(['task', 'show', TaskId])).stdout) ?? [];
    assert.equal(
      section,
      [
        '  Network:',
        'A note.',
        'refused pypi.org:8443, 2 times: no',
        'refused b.example:443, once: no',
        'allowed registry.npmjs.org:443, 2 times, 0 bytes sent, 2.0 KiB received: "npm" in AllowedHosts',
        '3 connections to further hosts',
        `To allow them: plan42 server environment set ${EnvironmentId?.slice(0, 8)} --add-host b.example --add-host pypi.org:8443`,
        'egress.allowed of the runner needs these, too: b.example\n',
      ].join('\n    '),
    );
    const shown = parseAs('server-task-document.json', (await test.plan42(['task', 'show', TaskId, '--json'])).stdout);
    assert.deepEqual(shown.Turns[0].Network, Network);

    const [, command = ''] = /allow them: plan42 server (.*)\n/.exec(section) ?? [];
    for (const _ of [1, 2]) assert.equal((await test.plan42(command.split(' '))).exitCode, 0);
    const [environment] = await test.client.listEnvironments();
    assert.deepEqual(environment?.AllowedHosts, ['b.example', 'pypi.org:8443']);
  });
});

describe('plan42 server turn logs', () => {
  it('prints the current log, and all of it with -f', async () => {
    await using test = await startTestServer();
    const turn = await createTask(test);
    assert.deepEqual(await test.plan42(['turn', 'logs', turn.TaskId]), { exitCode: 0, stdout: '', stderr: '' });
    await test.uploadLogs(turn.TaskId, 0, ['one']);
    const soFar = await test.plan42(['turn', 'logs', turn.TaskId]);
    assert.deepEqual(soFar, { exitCode: 0, stdout: 'one\n', stderr: '' });

    const all = await test.plan42(['turn', 'logs', turn.TaskId, '1', '-f'], {
      onOutput: ({ stdout }) => {
        if (stdout === 'one\n') void test.uploadLogs(turn.TaskId, 1, ['two']);
        if (stdout === 'one\ntwo\n') void test.updateTurn(turn.TaskId, { Status: 'Completed' });
      },
    });
    assert.deepEqual(all, { exitCode: 0, stdout: 'one\ntwo\n', stderr: '' });
  });

  it('rejects an unknown turn', async () => {
    await using test = await startTestServer();
    const { TaskId } = await createTask(test);
    assert.equal((await test.plan42(['turn', 'logs', TaskId, '0'])).exitCode, 2);
    const run = await test.plan42(['turn', 'logs', TaskId, '2']);
    assert.equal(run.exitCode, 1);
    assert.match(run.stderr, /^ERROR: /);
  });
});
