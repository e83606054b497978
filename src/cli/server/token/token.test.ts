import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestServer } from '../../../../test/support/start-test-server.ts';
import { parseRunnerToken } from '../../../plan42/runner-token.ts';

const dayMs = 24 * 60 * 60 * 1000;

describe('plan42 server token', () => {
  it('create prints only the token, and its properties on standard error', async () => {
    await using test = await startTestServer();
    const run = await test.plan42(['token', 'create']);
    assert.equal(run.exitCode, 0);
    const { tenantId, runnerId, expiresAt } = parseRunnerToken(run.stdout.trimEnd());
    assert.deepEqual([tenantId, runnerId], [test.server.admin.tenantId, test.server.admin.runnerId]);
    assert.equal(Math.round(((expiresAt?.getTime() ?? 0) - Date.now()) / dayMs), 90);
    assert.match(run.stderr, new RegExp(`^Token \\S{36} for runner ${runnerId}, valid until \\S+ \\S+\\.\\n$`));
  });

  it('create accepts the name of a runner and a lifetime', async () => {
    await using test = await startTestServer();
    const [runner] = await test.client.listRunners();
    const argv = ['token', 'create', '--runner', runner?.Name ?? '', '--ttl-days', '1', '--json'];
    const run = await test.plan42(argv);
    const token = JSON.parse(run.stdout) as { Token: string; RunnerID: string; ExpiresAt: string };
    assert.equal(token.RunnerID, runner?.RunnerId);
    assert.match(token.Token, /^p42r_/);
    assert.equal(Math.round((Date.parse(token.ExpiresAt) - Date.now()) / dayMs), 1);
  });

  it('create lists the runners if the name is unknown', async () => {
    await using test = await startTestServer();
    const run = await test.plan42(['token', 'create', '--runner', 'unknown']);
    assert.equal(run.exitCode, 1);
    assert.match(run.stderr, /^ERROR: runner unknown not found\. Use one of: .* \(.{36}\)\.\n$/);
  });

  it('list omits revoked tokens', async () => {
    await using test = await startTestServer();
    const none = await test.plan42(['token', 'list']);
    assert.deepEqual([none.exitCode, none.stdout], [0, '']);
    assert.match(none.stderr, /No valid tokens/);

    await test.plan42(['token', 'create']);
    const listed = await test.plan42(['token', 'list'], { columns: 80, env: { NO_COLOR: '1' } });
    const [header = '', row = ''] = listed.stdout.split('\n');
    assert.match(header, /^TOKEN +RUNNER +CREATED +EXPIRES +STATE$/);
    assert.match(row, / valid$/);
    assert.ok(row.length <= 80, row);

    const [id = ''] = row.split(' ');
    const revoked = await test.plan42(['token', 'revoke', id]);
    assert.deepEqual([revoked.exitCode, revoked.stdout], [0, '']);
    assert.match(revoked.stderr, / revoked/);
    assert.equal((await test.plan42(['token', 'list'])).stdout, '');
    assert.match((await test.plan42(['token', 'list', '--all'])).stdout, /\trevoked\n$/);
    assert.equal((await test.plan42(['token', 'revoke', id])).exitCode, 0);
  });

  it('list shows a token that ends soon', async () => {
    await using test = await startTestServer();
    await test.plan42(['token', 'create', '--ttl-days', '5']);
    const listed = await test.plan42(['token', 'list'], { columns: 100, env: { NO_COLOR: '1' } });
    assert.match(listed.stdout, / ends in 4 days\n$/);
    assert.equal(JSON.parse((await test.plan42(['token', 'list', '--json'])).stdout)[0].State, 'ending');
  });

  it('revoke does not print a token that was given instead of its ID', async () => {
    await using test = await startTestServer();
    const { stdout } = await test.plan42(['token', 'create']);
    const run = await test.plan42(['token', 'revoke', stdout.trimEnd()]);
    assert.equal(run.stderr, 'ERROR: that is a token, not its ID. To see the IDs, run "plan42 server token list".\n');
  });
});
