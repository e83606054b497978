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
    assert.equal((await test.plan42(['task', 'cancel', second.Task.TaskId])).exitCode, 0);
    assert.match((await test.plan42(['workstream', 'show', id], plain)).stdout, /^SHOP-2 .* Cancelled$/m);
    assert.equal((await test.plan42(['workstream', 'delete', id])).stderr, 'Workstream New shop deleted.\n');
    assert.match((await test.plan42(['workstream', 'show', id])).stderr, /^ERROR: workstream \S+ not found\. To list/);
  });

  it('needs a name, and explains a short name that is taken', async () => {
    await using test = await startTestServer();
    const unnamed = await test.plan42(['workstream', 'create', ' ']);
    assert.deepEqual([unnamed.exitCode, unnamed.stdout], [2, '']);
    assert.match(unnamed.stderr, /^ERROR: the name of the workstream is empty\. Give a name/);
    const create = (name: string) => test.plan42(['workstream', 'create', name, '--short-name', 'SHOP']);
    const first = await create('One');
    assert.equal(first.exitCode, 0);
    const taken = await create('Two');
    assert.equal(
      taken.stderr,
      'ERROR: cannot use the short name SHOP: the workstream "One" has this short name. Choose another one with ' +
        `--short-name. To see those in use, run "plan42 server workstream list --data ${test.dataDir}".\n`,
    );
    assert.equal((await test.plan42(['workstream', 'delete', 'One'])).exitCode, 0);
    assert.equal((await create('Two')).exitCode, 0);
  });

  it('has tasks without a turn, which every command explains', async () => {
    await using test = await startTestServer();
    await test.plan42(['workstream', 'create', 'Later']);
    const create = ['task', 'create', '--workstream', 'Later', '--image', 'example.com/agent:1', '--prompt', 'x'];
    const task = (await test.plan42(create)).stdout.trimEnd();
    const expected = `ERROR: task ${task} has not started, so it has no turn yet. Resume its workstream, and wait until the tasks`;
    for (const argv of [
      ['task', 'message', task, 'x'],
      ['task', 'follow', task],
      ['task', 'cancel', task],
      ['turn', 'create', task, '--prompt', 'x'],
      ['turn', 'logs', task],
    ]) {
      const { stderr, exitCode } = await test.plan42(argv);
      assert.deepEqual([stderr.slice(0, expected.length), exitCode], [expected, 1], argv.join(' '));
      assert.ok(stderr.endsWith(`see "plan42 server workstream list --data ${test.dataDir}".\n`), stderr);
    }
    assert.match((await test.plan42(['turn', 'logs', task, '7'])).stderr, /^ERROR: task \S+ has no turn 7\. To list/);
    assert.equal((await test.plan42(['task', 'cancel', '--all'])).stderr, '0 tasks cancelled.\n');
    assert.equal((await test.plan42(['task', 'show', task])).exitCode, 0);
    assert.equal((await test.plan42(['task', 'delete', task])).stderr, `Task ${task} deleted.\n`);
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
