import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { p42Ctl } from '../../../../test/support/sigv4/p42-ctl.ts';
import { startTestServer } from '../../../../test/support/start-test-server.ts';

const read = { method: 'GET', path: '/v1/tenants' };

describe('plan42 server access-key', () => {
  it('create prints the variables that p42-ctl needs, and nothing else', async () => {
    await using test = await startTestServer();
    const { url } = test.server;
    const { exitCode, stdout, stderr } = await test.plan42(['access-key', 'create', '--name', 'laptop']);
    assert.equal(exitCode, 0, stderr);
    const [, accessKeyId = '', secretAccessKey = ''] =
      /^export AWS_ACCESS_KEY_ID=(\w+)\nexport AWS_SECRET_ACCESS_KEY=([\w-]+)\nexport AWS_REGION=plan42\nunset AWS_SESSION_TOKEN\n$/.exec(
        stdout,
      ) ?? [];
    assert.equal((await p42Ctl({ url, accessKeyId, secretAccessKey }, read)).status, 200, stdout);
    assert.equal(
      stderr,
      `Access key ${accessKeyId} created. With these variables, run: p42-ctl --endpoint ${url} tenant list\n`,
    );
    assert.ok(!stderr.includes(secretAccessKey));
  });

  it('list shows the last use, and revoke ends a key', async () => {
    await using test = await startTestServer();
    const { url } = test.server;
    const plain = { columns: 120, env: { NO_COLOR: '1' } };
    assert.match((await test.plan42(['access-key', 'list'])).stderr, /^No access keys\. Create one with /);
    const made = parseAs('server-access-key.json', (await test.plan42(['access-key', 'create', '--json'])).stdout);
    const named = (await test.plan42(['access-key', 'create', '--name', 'ci'])).stdout;
    const options = { url, accessKeyId: made.AccessKeyID, secretAccessKey: made.SecretAccessKey };
    assert.equal((await p42Ctl(options, read)).status, 200);
    const lines = (await test.plan42(['access-key', 'list'], plain)).stdout.trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^KEY +NAME +CREATED +LAST USED$/);
    assert.match(lines[1] ?? '', /^P42K\w{16} +ci +20\S+ \S+ +never$/);
    assert.match(lines[2] ?? '', /^P42K\w{16} +20\S+ \S+ +20\S+ \S+$/);

    const id = made.AccessKeyID.slice(0, 12).toLowerCase();
    const revoked = await test.plan42(['access-key', 'revoke', id]);
    assert.deepEqual([revoked.exitCode, revoked.stderr], [0, `Access key ${made.AccessKeyID} revoked.\n`]);
    assert.equal((await test.plan42(['access-key', 'revoke', made.AccessKeyID])).exitCode, 0);
    assert.equal((await p42Ctl(options, read)).status, 401);
    assert.ok(!(await test.plan42(['access-key', 'list'], plain)).stdout.includes(made.AccessKeyID));
    assert.match((await test.plan42(['access-key', 'list', '--all'], plain)).stdout, / revoked\n$/);
    const all = parseAs('server-access-key-list.json', (await test.plan42(['access-key', 'list', '--json'])).stdout);
    assert.deepEqual(
      all.map(({ Name, Revoked }: { Name: string; Revoked: boolean }) => [Name, Revoked]),
      [
        ['ci', false],
        ['', true],
      ],
    );
    assert.ok(named.includes('P42K'));
  });

  it('revoke does not print a secret that was given instead of the ID', async () => {
    await using test = await startTestServer();
    const { exitCode, stderr } = await test.plan42(['access-key', 'revoke', 'p42s_something-secret']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /^ERROR: that is a secret, not the ID of a key\. To see the IDs/);
    assert.ok(!stderr.includes('something'));
    const unknown = await test.plan42(['access-key', 'revoke', 'P42KNONENONE']);
    assert.match(unknown.stderr, /^ERROR: access key P42KNONENONE not found\. To list them/);
  });

  it('revoke needs as many characters as a short ID has', async () => {
    await using test = await startTestServer();
    const { AccessKeyID } = JSON.parse((await test.plan42(['access-key', 'create', '--json'])).stdout);
    for (const length of [0, 4, 5, 11]) {
      const id = AccessKeyID.slice(0, length);
      const run = await test.plan42(['access-key', 'revoke', id]);
      assert.equal(run.exitCode, 2, run.stderr);
      assert.ok(run.stderr.startsWith(`ERROR: "${id}" is too short for the ID of the access key to revoke. Give 12 `));
    }
    assert.equal(JSON.parse((await test.plan42(['access-key', 'list', '--json'])).stdout)[0].Revoked, false);
    assert.equal((await test.plan42(['access-key', 'revoke', AccessKeyID.slice(0, 12)])).exitCode, 0);
  });
});
