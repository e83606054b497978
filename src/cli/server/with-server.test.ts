import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runCli } from '../../../test/support/run-cli.ts';
import { startTestServer } from '../../../test/support/start-test-server.ts';

const list = ['server', 'task', 'list'];

describe('commands that call a server', () => {
  it('use another server with a token from the environment', async () => {
    await using test = await startTestServer();
    const env = { PLAN42_SERVER_TOKEN: test.server.admin.tenantToken };
    assert.equal((await runCli([...list, '--server', test.server.url], { env })).exitCode, 0);
    const token = await runCli(['server', 'token', 'create', '--server', `${test.server.url}/`], { env });
    assert.match(token.stdout, /^p42r_/);
  });

  it('require that token', async () => {
    const run = await runCli([...list, '--server', 'http://127.0.0.1:1']);
    assert.equal(run.exitCode, 2);
    assert.match(
      run.stderr,
      /^ERROR: --server needs a tenant token in the environment variable PLAN42_SERVER_TOKEN\. /,
    );
  });

  it('report a rejected token without printing it', async () => {
    await using test = await startTestServer();
    const env = { PLAN42_SERVER_TOKEN: 'p42t_secret' };
    const run = await runCli([...list, '--server', test.server.url], { env });
    assert.equal(run.exitCode, 4);
    assert.match(
      run.stderr,
      /^ERROR: the server at \S+ rejected the token from \$PLAN42_SERVER_TOKEN: the token is not of this server\. Use the token of that server/,
    );
    assert.doesNotMatch(run.stderr, /secret/);
  });

  it('report a missing server and one that is not running', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'plan42-none-'));
    const data = ['--data', folder.path];
    const none = await runCli([...list, ...data]);
    assert.equal(
      none.stderr,
      `ERROR: no Plan42 server found in ${folder.path}. Run "plan42 server start --data ${folder.path}", or give its folder with --data.\n`,
    );
    const admin = { url: 'http://127.0.0.1:1', tenantId: 't', runnerId: 'r', tenantToken: 'p42t_x' };
    await writeFile(join(folder.path, 'admin.json'), JSON.stringify(admin));
    const stopped = await runCli([...list, ...data]);
    assert.deepEqual(stopped, {
      exitCode: 1,
      stdout: '',
      stderr: `ERROR: no Plan42 server is running at http://127.0.0.1:1. Run "plan42 server start --data ${folder.path}".\n`,
    });
    await writeFile(join(folder.path, 'admin.json'), '{');
    assert.match((await runCli([...list, ...data])).stderr, /admin\.json is damaged\. Restart the server/);
  });
});
