/** The output of `--json` matches docs/schemas. The tests of the runner's commands check theirs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createProgram } from '../src/cli/program.ts';
import { parseAs, schemaNames } from './support/json-schemas.ts';
import { commandContext, runCli } from './support/run-cli.ts';
import { startTestServer } from './support/start-test-server.ts';

test('documents of the server commands', async () => {
  await using server = await startTestServer();
  const json = async (schema: string, ...argv: string[]) => {
    const { stdout, stderr, exitCode } = await server.plan42([...argv, '--json']);
    assert.equal(exitCode, 0, stderr);
    return parseAs(schema, stdout);
  };
  const create = [
    'task',
    'create',
    '--image',
    'example.com/agent:1',
    '--prompt',
    'hi',
    '--repo',
    'me/x',
    '--env',
    'A=b',
  ];
  const created = await json('server-task-document.json', ...create);
  const id = created.Task.TaskId;
  await server.updateTurn(id, { Status: 'Failed', ErrorMessage: 'no' });
  await json('server-turn.json', 'turn', 'create', id, '--prompt', 'again');
  assert.equal((await json('server-task-document.json', 'task', 'show', id)).Turns.length, 2);
  assert.equal((await json('server-task-list.json', 'task', 'list')).length, 1);
  const token = await json('server-token.json', 'token', 'create');
  await server.plan42(['token', 'revoke', token.TokenID]);
  assert.equal((await json('server-token-list.json', 'token', 'list')).length, 1);
  assert.equal((await json('server-connection.json', 'connection', 'create', 'work')).Default, true);
  assert.equal((await json('server-connection-list.json', 'connection', 'list')).length, 1);
  await json('server-environment.json', 'environment', 'create', 'web', '--image', 'example.com/agent:1');
  assert.equal((await json('server-environment.json', 'environment', 'set', 'web', '--env', 'A=b')).Version, 2);
  await json('server-environment.json', 'environment', 'show', 'web');
  assert.equal((await json('server-environment-list.json', 'environment', 'list')).length, 2);
});

test('the list of agents', async () => {
  const { stdout } = await runCli(['agent', 'list', '--json']);
  const agents = parseAs('agent-list.json', stdout);
  assert.equal(agents.at(-1).name, 'custom');
});

test('every command with --json is documented, with an existing schema', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/json-output.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const documented = rows.flatMap((row) => {
    const [group] = /plan42 \w+/.exec(row) ?? [];
    return [...(row.split('|')[1] ?? '').matchAll(/`(?:plan42 \w+ )?([^`]+)`/g)].map(([, name]) =>
      name?.startsWith('plan42') ? name : `${group} ${name}`,
    );
  });
  const withJson: string[] = [];
  const visit = (command: ReturnType<typeof createProgram>, path: string) => {
    if (command.options.some((option) => option.long === '--json')) withJson.push(path);
    for (const subcommand of command.commands) visit(subcommand, `${path} ${subcommand.name()}`);
  };
  visit(createProgram(commandContext([])), 'plan42');
  assert.deepEqual(documented.toSorted(), withJson.toSorted());
  const linked = [...page.matchAll(/\(schemas\/([\w-]+\.json)\)/g)].map(([, name = '']) => name);
  assert.deepEqual(linked.toSorted(), schemaNames.toSorted());
});
