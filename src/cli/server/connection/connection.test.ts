import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestServer } from '../../../../test/support/start-test-server.ts';

describe('plan42 server connection', () => {
  it('creates a connection, makes the first one the default, and prints how to set its token', async () => {
    await using test = await startTestServer();
    const first = await test.plan42(['connection', 'create', 'work']);
    const id = first.stdout.trimEnd();
    assert.equal(first.exitCode, 0, first.stderr);
    assert.match(first.stderr, /^Connection work created\. It is the tenant's default: 0 environments use it\.\n/);
    assert.ok(first.stderr.includes(`\n  plan42 runner config set github.work.connection_id=${id}\n`));
    assert.match(first.stderr, /\n {2}plan42 runner config set github\.work\.token --from-file token\.txt\n$/);
    const second = await test.plan42(['connection', 'create', 'customer', '--runner', 'Local runner']);
    assert.match(second.stderr, /^Connection customer created\. To use it, run "plan42 server environment set /);
    const [work, customer] = await test.client.listConnections();
    assert.deepEqual([work?.ConnectionID, work?.Private, work?.RunnerID], [id, true, test.server.admin.runnerId]);
    assert.equal(customer?.Name, 'customer');
    assert.equal((await test.client.getTenant()).DefaultGithubConnectionID, id);
    const { stdout } = await test.plan42(['connection', 'list']);
    assert.match(stdout, /^CONNECTION\tNAME\tRUNNER\tUSED BY\tCREATED\n[\da-f]{8}\twork\tLocal runner\tdefault\t20/);
  });

  it('rejects invalid and taken names, and unknown runners', async () => {
    await using test = await startTestServer();
    await test.plan42(['connection', 'create', 'work']);
    const cases = [
      [['my work'], 2, /^ERROR: "my work" cannot be the name of a connection\. Use letters/],
      [['work'], 1, /^ERROR: the connection work already exists\. Choose/],
      [['other', '--runner', 'x'], 1, /^ERROR: runner x not found\. Use one of: Local runner/],
    ] as const;
    for (const [argv, code, message] of cases) {
      const run = await test.plan42(['connection', 'create', ...argv]);
      assert.deepEqual([run.exitCode, run.stdout], [code, '']);
      assert.match(run.stderr, message);
    }
    assert.equal((await test.client.listConnections()).length, 1);
  });

  it('deletes a connection that environments use with --force only, and leaves no reference to it', async () => {
    await using test = await startTestServer();
    await test.plan42(['connection', 'create', 'work']);
    const argv = ['environment', 'create', 'web', '--image', 'example.com/agent:1', '--connection', 'work'];
    assert.equal((await test.plan42(argv)).exitCode, 0);
    const refused = await test.plan42(['connection', 'delete', 'work']);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /^ERROR: environments use the connection: web\. Bind them to another connection/);
    const forced = await test.plan42(['connection', 'delete', 'work', '--force']);
    assert.deepEqual([forced.exitCode, forced.stderr], [0, 'Connection work deleted.\n']);
    assert.deepEqual(await test.client.listConnections(), []);
    assert.equal((await test.client.listEnvironments())[0]?.GithubConnectionId, 'default');
    assert.ok(!(await test.client.getTenant()).DefaultGithubConnectionID);
  });
});
