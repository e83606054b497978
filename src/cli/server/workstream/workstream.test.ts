import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { startTestServer } from '../../../../test/support/start-test-server.ts';

const plain = { columns: 120, env: { NO_COLOR: '1' } };

describe('plan42 server workstream', () => {
  it('starts its tasks in their order after it is resumed', async () => {
    await using test = await startTestServer();
    assert.match((await test.plan42(['workstream', 'list'])).stderr, /^No workstreams\. Create one with /);
    const id = (await test.plan42(['workstream', 'create', 'New shop', '--short-name', 'SHOP'])).stdout.trimEnd();
    const create = ['task', 'create', '--workstream', 'New shop', '--image', 'example.com/agent:1', '--prompt'];
    const first = await test.plan42([...create, 'First.']);
    assert.match(
      first.stderr,
      /The workstream New shop is paused\. Let its tasks start: plan42 server workstream resume/,
    );
    const second = parseAs('server-task-document.json', (await test.plan42([...create, 'Second.', '--json'])).stdout);
    assert.deepEqual([second.Task.TaskNumber, second.Task.WorkstreamId, second.Turns], [2, id, []]);
    const shown = (await test.plan42(['workstream', 'show', id.slice(0, 8)], plain)).stdout;
    assert.match(shown, /^State +paused: no task starts until you resume it$/m);
    assert.match(shown, /^SHOP-1 +[\da-f]{8} +First\. +agent +Pending\nSHOP-2 +[\da-f]{8} +Second\. +agent +Pending$/m);

    const resumed = await test.plan42(['workstream', 'resume', 'New shop']);
    assert.equal(resumed.stderr, 'Workstream New shop is running: its tasks start in their order.\n');
    const firstId = first.stdout.trimEnd();
    await eventually(async () => (await test.client.getTask(firstId)).LastTurnIndex === 1);
    assert.equal((await test.client.getTask(second.Task.TaskId)).LastTurnIndex ?? undefined, undefined);
    await test.updateTurn(firstId, { Status: 'Completed' });
    await eventually(async () => (await test.client.getTask(second.Task.TaskId)).LastTurnIndex === 1);

    assert.equal((await test.plan42([...create, 'Third.'])).exitCode, 0);
    const document = (await test.plan42(['workstream', 'show', 'New shop', '--json'])).stdout;
    const { Workstream, Tasks } = parseAs('server-workstream-document.json', document);
    assert.deepEqual([Workstream.Paused, Tasks.length], [false, 3], 'a new task does not pause it');
    assert.equal((await test.plan42(['workstream', 'pause', id])).exitCode, 0);
    const [listed] = parseAs(
      'server-workstream-list.json',
      (await test.plan42(['workstream', 'list', '--json'])).stdout,
    );
    assert.equal(listed.Paused, true);
    assert.match((await test.plan42(['workstream', 'list'], plain)).stdout, /New shop +SHOP +paused +20/);
    assert.equal((await test.plan42(['workstream', 'delete', id])).stderr, 'Workstream New shop deleted.\n');
    assert.match((await test.plan42(['workstream', 'show', id])).stderr, /^ERROR: workstream \S+ not found\. To list/);
  });

  it('refuses to follow a task that waits for others', async () => {
    await using test = await startTestServer();
    const create = ['task', 'create', '--workstream', 'x', '--image', 'example.com/agent:1', '--prompt', 'x'];
    const followed = await test.plan42([...create, '--follow']);
    assert.match(followed.stderr, /^ERROR: --follow cannot be used with --workstream\. Omit --follow: the task starts/);
    assert.match((await test.plan42(create)).stderr, /^ERROR: workstream x not found/);
    assert.equal((await test.client.listTasks()).length, 0);
  });
});
