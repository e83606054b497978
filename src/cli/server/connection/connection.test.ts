import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerAll, startFakeRunner } from '../../../../test/support/fake-runner.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
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

  it('checks a connection through its runner, and says what is wrong', async () => {
    await using test = await startTestServer();
    await test.plan42(['connection', 'create', 'work']);
    const check = (...options: string[]) => test.plan42(['connection', 'check', 'work', ...options]);
    const failed = async (reason: RegExp) => {
      const { exitCode, stdout, stderr } = await check();
      assert.deepEqual([exitCode, stdout], [1, '']);
      assert.match(stderr, reason);
    };
    await failed(
      /^ERROR: the connection work does not work: no healthy queue .*\. Start the runner Local runner\. On its/,
    );

    const token = (await test.plan42(['token', 'create'])).stdout.trimEnd();
    let response: object = {};
    const answer = (request: { Type: string }) =>
      request.Type === 'ListOrgsForGithubConnectionRequest'
        ? { Type: 'ListOrgsForGithubConnectionResponse', ...response }
        : answerAll(request);
    await using _runner = await startFakeRunner({ url: test.server.url, token, answer });
    response = { Items: ['acme', 'evil\u001b[2J'], NextToken: '2', Incomplete: 'SAML', ErrorMessage: null };
    assert.equal(
      (await check()).stdout,
      'The connection work works: the runner Local runner reaches GitHub and sees acme, evil\\x1b[2J, and more (incomplete: SAML).\n',
    );
    const works = parseAs('server-connection-check.json', (await check('--json')).stdout);
    assert.deepEqual(
      [works.works, works.organisations[0], works.hasMore, works.incomplete],
      [true, 'acme', true, 'SAML'],
    );

    const id = (await test.client.listConnections())[0]?.ConnectionID;
    response = { Items: null, ErrorMessage: `github connection ${id} not found` };
    const set = 'plan42 runner config set github\\.work\\.';
    await failed(
      new RegExp(
        `: github connection ${id} not found in the configuration of the runner Local runner\\. On the machine of the runner Local runner, run: ${set}connection_id=${id} && ${set}token `,
      ),
    );
    response = { Items: null, ErrorMessage: `missing github token for connection ${id}` };
    await failed(
      new RegExp(
        `: missing github token for .* of the runner Local runner\\. On the machine of the runner Local runner, run: ${set}token --from-file`,
      ),
    );
    response = { Items: null, ErrorMessage: 'Not Found', ErrorStatus: 404 };
    await failed(
      /does not work: Not Found\. Check the name, and that the token of \[github\.work\] of the runner Local runner/,
    );
    response = { Items: null, ErrorMessage: 'GitHub: Bad credentials' };
    await failed(
      /does not work: GitHub: Bad credentials\. GitHub rejected the token of \[github\.work\]\. On the machine /,
    );
    const broken = await check('--json');
    const document = parseAs('server-connection-check.json', broken.stdout);
    assert.deepEqual([broken.exitCode, document.works, document.problem], [1, false, 'GitHub: Bad credentials']);
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
