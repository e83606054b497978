import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startTestServer, type TestServer } from '../../../../test/support/start-test-server.ts';
import type { AdminTask, AdminTurn } from '../../../plan42/admin-objects.ts';
import { elapsedOf } from './list.ts';

const create = ['task', 'create', '--image', 'example.com/agent:1', '--prompt'];

async function createTask(test: TestServer, prompt = 'Say hello.'): Promise<AdminTurn> {
  const { stdout, stderr, exitCode } = await test.plan42([...create, prompt]);
  assert.equal(exitCode, 0, stderr);
  return test.client.getTurn(stdout.trimEnd(), 1);
}

interface TaskDocument {
  Task: AdminTask;
  Turns: AdminTurn[];
}

describe('plan42 server task create', () => {
  it('prints the ID of a task with the prompt, its first line as title, and the image', async () => {
    await using test = await startTestServer();
    const { TaskId, Prompt } = await createTask(test, 'Say hello.\nTwice.');
    const task = await test.client.getTask(TaskId);
    assert.deepEqual([Prompt, task.Title], ['Say hello.\nTwice.', 'Say hello.']);
    const [environment] = await test.client.listEnvironments();
    assert.deepEqual(
      [environment?.EnvironmentId, environment?.DockerImage],
      [task.EnvironmentId, 'example.com/agent:1'],
    );
  });

  it('reads the prompt from standard input, and secrets from the environment', async () => {
    await using test = await startTestServer();
    const argv = [
      '--env',
      'STAGE=a=b',
      '--env',
      'API_KEY',
      '--repo',
      'me/site',
      '--repo',
      'me/docs:next',
      '--title',
      'T',
    ];
    const options = { stdin: 'from stdin\n', env: { API_KEY: 'secret' } };
    const run = await test.plan42([...create.slice(0, -1), '--prompt-file', '-', ...argv, '--json'], options);
    const { Task, Turns } = JSON.parse(run.stdout) as TaskDocument;
    assert.deepEqual([Task.Title, Turns[0]?.Prompt], ['T', 'from stdin\n']);
    assert.deepEqual(
      Object.entries(Task.RepoInfo ?? {}).map(([name, repo]) => [name, repo.TargetBranch]),
      [
        ['me/site', ''],
        ['me/docs', 'next'],
      ],
    );
    const [environment] = await test.client.listEnvironments();
    assert.deepEqual(environment?.Repos, ['me/site', 'me/docs']);
    assert.deepEqual(environment?.EnvVars, [
      { Name: 'STAGE', Value: 'a=b', IsSecret: false },
      { Name: 'API_KEY', Value: '', IsSecret: true },
    ]);
  });

  it('reuses an environment only if it is identical', async () => {
    await using test = await startTestServer();
    await createTask(test);
    await createTask(test);
    assert.equal((await test.client.listEnvironments()).length, 1);
    await test.plan42([...create, 'x', '--env', 'A=1']);
    assert.equal((await test.client.listEnvironments()).length, 2);
  });

  it('rejects invalid options before it creates anything', async () => {
    await using test = await startTestServer();
    const image = create.slice(0, -1);
    const cases = [
      [['task', 'create', '--prompt', 'x'], 2, /^ERROR: no image given\. Give/],
      [image, 2, /^ERROR: there is no prompt\. Give/],
      [[...create, ' '], 2, /^ERROR: the prompt is empty\. Give/],
      [[...create, 'x', '--prompt-file', 'y'], 2, /^ERROR: --prompt and --prompt-file cannot be used together\. Give/],
      [[...image, '--prompt-file', '/nonexistent'], 1, /^ERROR: cannot read the prompt from \/nonexistent: ENOENT/],
      [[...create, 'x', '--env', 'NOT_SET'], 2, /^ERROR: environment variable NOT_SET is not set\. Set it/],
      [[...create, 'x', '--env', '1=secret'], 2, /^ERROR: a variable in --env has an invalid name\. Give/],
      [[...create, 'x', '--repo', 'site'], 2, /^ERROR: site is not a repository\. Give/],
      [[...create, 'x', '--environment', 'y'], 2, /^ERROR: --environment cannot be used with --image or --env\. They/],
    ] as const;
    for (const [argv, code, message] of cases) {
      const run = await test.plan42(argv);
      assert.deepEqual([run.exitCode, run.stdout], [code, ''], run.stderr);
      assert.match(run.stderr, message);
    }
    assert.deepEqual(await test.client.listTasks(), []);
    assert.deepEqual(await test.client.listEnvironments(), []);
  });
});

describe('plan42 server task create --follow', () => {
  it('shows status and escaped log, and succeeds with the turn', async () => {
    await using test = await startTestServer();
    const played = Promise.withResolvers<void>();
    const run = await test.plan42([...create, 'x', '--follow'], {
      // Once it follows, the agent plays its part.
      onOutput: once(/\[turn 1\]/, ({ stdout }) =>
        playAgent(test, stdout.trimEnd()).then(played.resolve, played.reject),
      ),
    });
    await played.promise;
    assert.equal(run.exitCode, 0, run.stderr);
    assert.deepEqual(run.stdout.split('\n').slice(1), ['one', 'two\\x1b[2J', 'three', 'all done', '']);
    assert.match(run.stderr, /\n\[turn 1\] Working\\x07\n\[turn 1\] Completed\n$/);
  });

  it('fails with the turn, and prints the reason', async () => {
    await using test = await startTestServer();
    const run = await test.plan42([...create, 'x', '--follow', '--json'], {
      onOutput: once(/\[turn 1\]/, async () => {
        const [task] = await test.client.listTasks();
        await test.plan42(['task', 'cancel', task?.TaskId ?? '']);
      }),
    });
    assert.equal(run.exitCode, 1);
    assert.match(run.stderr, /\nERROR: turn 1 failed: cancelled by user\. Try again with "plan42 server turn create /);
    assert.equal((JSON.parse(run.stdout) as TaskDocument).Turns[0]?.Status, 'Failed');
  });

  it('is interrupted without output', async () => {
    await using test = await startTestServer();
    const interruption = new AbortController();
    const run = await test.plan42([...create, 'x', '--follow'], {
      signal: interruption.signal,
      onOutput: once(/\[turn 1\]/, async () => interruption.abort()),
    });
    assert.equal(run.exitCode, 130);
    assert.match(run.stderr, /^(\[turn 1\] .*\n)+$/);
  });
});

async function playAgent(test: TestServer, taskId: string): Promise<void> {
  await test.updateTurn(taskId, { Status: 'Working\x07' });
  await test.uploadLogs(taskId, 0, ['\x1b[1mone\x1b[0m', 'two\x1b[2J']);
  await setTimeout(700); // longer than the status is polled
  await test.uploadLogs(taskId, 2, ['three']);
  await test.updateTurn(taskId, { Status: 'Completed', OutputMessage: 'all done' });
}

type OnOutput = (soFar: { stdout: string; stderr: string }) => void;

/** Calls `react` as soon as standard error shows `pattern`, once. */
function once(pattern: RegExp, react: (soFar: { stdout: string; stderr: string }) => Promise<void>): OnOutput {
  let done = false;
  return (soFar) => {
    if (done || !pattern.test(soFar.stderr)) return;
    done = true;
    void react({ ...soFar });
  };
}

describe('plan42 server task list', () => {
  it('lists the newest first, in 80 columns on a terminal', async () => {
    await using test = await startTestServer();
    const older = await createTask(
      test,
      'The first \x1b[31mtask\x07, with a title that is much too long to fit in there',
    );
    const newer = await createTask(test, 'Another');
    const { stdout } = await test.plan42(['task', 'list'], { columns: 80, env: { NO_COLOR: '1' } });
    const [header = '', first = '', second = ''] = stdout.split('\n');
    assert.match(header, /^TASK +TITLE +TURN +STATE +CREATED +ELAPSED$/);
    assert.match(first, new RegExp(`^${newer.TaskId.slice(0, 8)} +Another +1 +Pending +\\d{4}-`));
    assert.match(second, new RegExp(`^${older.TaskId.slice(0, 8)} +The first task\\\\x07, .*… +1 +Pending +\\d{4}-`));
    assert.ok([first, second].every((line) => line.length <= 80));
    const json = JSON.parse((await test.plan42(['task', 'list', '--json'])).stdout) as AdminTask[];
    assert.deepEqual(
      json.map((task) => task.TaskId),
      [newer.TaskId, older.TaskId],
    );
  });

  it('stops the elapsed time of a task that awaits review', () => {
    const times = { CreatedAt: '2025-01-31T17:05:00Z', UpdatedAt: '2025-01-31T17:06:00Z' };
    const task = { ...times, State: 'Awaiting Code Review', LastTurnStatus: 'Completed' } as const;
    assert.equal(elapsedOf(task), '1 min 0 s');
  });

  it('reports an empty list', async () => {
    await using test = await startTestServer();
    const run = await test.plan42(['task', 'list']);
    assert.deepEqual([run.exitCode, run.stdout], [0, '']);
    assert.match(run.stderr, /No tasks/);
    assert.equal((await test.plan42(['task', 'list', '--json'])).stdout, '[]\n');
  });
});

describe('plan42 server task show and cancel', () => {
  it('finds a task by an ID prefix, and shows its turns', async () => {
    await using test = await startTestServer();
    const turn = await createTask(test, 'Say\nhello.');
    await test.updateTurn(turn.TaskId, { Status: 'Failed', ErrorMessage: 'no\x1b[2J\nway' });
    const { stdout, exitCode } = await test.plan42(['task', 'show', turn.TaskId.slice(0, 6).toUpperCase()]);
    assert.equal(exitCode, 0);
    assert.match(stdout, new RegExp(`^Task +${turn.TaskId}\\nTitle +Say\\nState +Cancelled\\nCreated +\\d{4}`));
    assert.match(
      stdout,
      /\nTurn 1 {2}Cancelled {2}.*:\d\d, took [\d.]+ s\n {2}Prompt:\n {4}Say\n {4}hello\.\n {2}Error:\n {4}no\\x1b\[2J\n {4}way\n$/,
    );
  });

  it('rejects an invalid image before it creates anything', async () => {
    await using test = await startTestServer();
    for (const image of ['', 'A B', '--privileged', 'busybox:latest extra text']) {
      const run = await test.plan42(['task', 'create', `--image=${image}`, '--prompt', 'x']);
      assert.equal(run.exitCode, 2, image);
      assert.match(
        run.stderr,
        /^ERROR: ".*" is not the name of an image: its (repository|tag) is invalid\. Give an image such as registry/,
      );
    }
    assert.equal((await test.client.listEnvironments()).length, 0);
  });

  it('cancels the latest turn once', async () => {
    await using test = await startTestServer();
    const { TaskId } = await createTask(test);
    const run = await test.plan42(['task', 'cancel', TaskId]);
    assert.deepEqual([run.exitCode, run.stdout], [0, '']);
    assert.match(run.stderr, /^Turn 1 of task .* cancelled\. No runner had it yet\.\n$/);
    const turn = await test.client.getTurn(TaskId, 1);
    assert.deepEqual([turn.Status, turn.ErrorMessage], ['Failed', 'cancelled by user']);
    assert.match(
      (await test.plan42(['task', 'show', TaskId])).stdout,
      /\nState +Cancelled\n[\s\S]*\nTurn 1 {2}Cancelled {2}/,
    );
    const again = await test.plan42(['task', 'cancel', TaskId]);
    assert.deepEqual(
      [again.exitCode, again.stderr],
      [1, `ERROR: turn 1 of task ${TaskId} is already finished: Cancelled.\n`],
    );
    const follow = await test.plan42(['task', 'follow', TaskId]);
    assert.equal(follow.exitCode, 1);
  });

  it('finds tasks by state and text, and cancels all that match', async () => {
    await using test = await startTestServer();
    const [one, two, three] = [
      await createTask(test, 'Fix the footer.'),
      await createTask(test, 'Fix the header.'),
      await createTask(test, 'Write docs.'),
    ];
    await test.updateTurn(one.TaskId, { Status: 'Completed' });
    const find = async (...argv: string[]) => {
      const tasks = JSON.parse((await test.plan42(['task', 'list', '--json', ...argv])).stdout) as AdminTask[];
      return tasks.map(({ Title }) => Title).toSorted();
    };
    assert.deepEqual(await find('--search', 'FIX'), ['Fix the footer.', 'Fix the header.']);
    assert.deepEqual(await find('--search', 'fix', '--state', 'completed'), ['Fix the footer.']);
    assert.deepEqual(await find('--search', three.TaskId.slice(0, 8)), ['Write docs.']);
    assert.equal((await test.plan42(['task', 'list', '--search', 'none'])).stderr, 'No task matches.\n');
    assert.equal((await test.plan42(['task', 'list', '--state', 'x'])).exitCode, 2);

    const cancel = async (...argv: string[]) => (await test.plan42(['task', 'cancel', ...argv])).stderr;
    assert.match(await cancel(), /^ERROR: no task given\. Give task IDs, or --all/);
    assert.match(await cancel(two.TaskId, '--all'), /^ERROR: IDs cannot be used with --all, --state or --search\./);
    const done = /^1 task cancelled\. Their runners stop the agents within a minute\.\n$/;
    assert.match(await cancel('--search', 'fix'), done);
    assert.equal((await test.client.getTurn(two.TaskId, 1)).ErrorMessage, 'cancelled by user');
    assert.notEqual((await test.client.getTurn(three.TaskId, 1)).Status, 'Failed');
    assert.match(await cancel(one.TaskId, two.TaskId, three.TaskId), done);
    assert.equal(await cancel('--all'), '0 tasks cancelled.\n');
    assert.deepEqual(await find('--state', 'cancelled'), ['Fix the header.', 'Write docs.']);
    assert.deepEqual(await find('--state', 'failed'), []);
  });

  it('deletes finished tasks, and cancels others with --force only', async () => {
    await using test = await startTestServer();
    const [one, two, three] = [await createTask(test), await createTask(test), await createTask(test)];
    await test.updateTurn(one.TaskId, { Status: 'Completed' });
    const refused = await test.plan42(['task', 'delete', one.TaskId, two.TaskId]);
    assert.deepEqual([refused.exitCode, refused.stdout], [1, '']);
    assert.equal(
      refused.stderr,
      `ERROR: task ${two.TaskId} is not finished. Wait for it, or add --force to cancel it. No task was deleted.\n`,
    );
    const done = await test.plan42(['task', 'delete', one.TaskId.slice(0, 13)]);
    assert.deepEqual([done.exitCode, done.stderr], [0, `Task ${one.TaskId} deleted.\n`]);
    const forced = await test.plan42(['task', 'delete', '--force', two.TaskId, three.TaskId, two.TaskId]);
    assert.deepEqual(
      [forced.exitCode, forced.stderr],
      [0, `Task ${two.TaskId} deleted.\nTask ${three.TaskId} deleted.\n`],
    );
    assert.deepEqual(await test.client.listTasks(), []);
    const again = await test.plan42(['task', 'delete', one.TaskId]);
    assert.match(again.stderr, /^ERROR: task .* not found/);
  });

  it('reports an unknown task', async () => {
    await using test = await startTestServer();
    for (const id of ['abc', '00000000-0000-4000-8000-000000000000']) {
      const run = await test.plan42(['task', 'show', id]);
      assert.equal(
        run.stderr,
        `ERROR: task ${id} not found. To list them, run "plan42 server task list --data ${test.dataDir}".\n`,
      );
    }
  });
});
