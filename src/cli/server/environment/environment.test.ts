import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import { FakeMachine } from '../../../../test/support/fake-machine.ts';
import { answerAll } from '../../../../test/support/fake-runner.ts';
import type { Json } from '../../../../test/support/json.ts';
import { startTestServer, type TestServer } from '../../../../test/support/start-test-server.ts';

const image = ['--image', 'example.com/agent:1'];

async function create(test: TestServer, name: string, ...argv: string[]): Promise<string> {
  const run = await test.plan42(['environment', 'create', name, ...image, ...argv]);
  assert.equal(run.exitCode, 0, run.stderr);
  return run.stdout.trimEnd();
}

/** Returns the variables that an agent gets for the next task in the environment. */
async function deliveredTo(test: TestServer, environment: string): Promise<Record<string, string>> {
  const { Token: token } = JSON.parse((await test.plan42(['token', 'create', '--json'])).stdout);
  const requests: Json[] = [];
  const answer = (request: Json) => {
    if (request.Type === 'InvokeAgentRequest') requests.push(request);
    return answerAll(request);
  };
  await using _ = await FakeMachine.start({ url: test.server.url, token, name: 'm1', slots: 1, answer });
  const run = await test.plan42(['task', 'create', '--environment', environment, '--prompt', 'x']);
  assert.equal(run.exitCode, 0, run.stderr);
  await eventually(async () => requests.length > 0);
  const variables: { Name: string; Value: string }[] = requests[0].Environment.EnvVars;
  return Object.fromEntries(variables.map(({ Name, Value }) => [Name, Value]));
}

describe('plan42 server environment', () => {
  it('creates an environment from options, files and standard input, and shows no secret', async () => {
    await using test = await startTestServer();
    const script = join(test.dataDir, 'setup.sh');
    await writeFile(script, 'npm ci\necho "\x1b[2J"\n');
    const argv = ['--repo', 'me/web', '--host', '*.npmjs.org', '--env', 'STAGE=test', '--env', 'API_KEY'];
    const id = (
      await test.plan42(
        ['environment', 'create', 'web', ...image, ...argv, '--setup-script', script, '--secret-file', 'CERT=-'],
        { env: { API_KEY: 'hidden-1' }, stdin: 'hidden-2\nline\n\n' },
      )
    ).stdout.trimEnd();
    const shown = await test.plan42(['environment', 'show', 'web']);
    assert.match(shown.stdout, new RegExp(`^Environment +${id}\\nName +web\\nImage +example\\.com/agent:1\\n`));
    assert.match(shown.stdout, /\nRepositories +me\/web\nHosts +\*\.npmjs\.org\nRunner +Local runner \(default\)\n/);
    assert.match(shown.stdout, /\nVariables\n {2}STAGE=test\n {2}API_KEY=\*{8}\n {2}CERT=\*{8}\n/);
    assert.match(shown.stdout, /\nSetup script\n {2}npm ci\n {2}echo "\\x1b\[2J"\n$/);
    const json = await test.plan42(['environment', 'show', id.slice(0, 8), '--json']);
    assert.doesNotMatch(json.stdout, /hidden/);
    assert.deepEqual(await deliveredTo(test, 'web'), { STAGE: 'test', API_KEY: 'hidden-1', CERT: 'hidden-2\nline' });
  });

  it('changes only what is given, and keeps the values of secrets', async () => {
    await using test = await startTestServer();
    const file = join(test.dataDir, 'key');
    await writeFile(file, 'hidden\r\n');
    await create(test, 'web', '--repo', 'me/web', '--env', 'A=1', '--env', 'B=2', '--secret-file', `KEY=${file}`);
    const set = async (...argv: string[]) => {
      const run = await test.plan42(['environment', 'set', 'web', ...argv]);
      assert.deepEqual([run.exitCode, run.stderr.split('\n')[0]], [0, 'Environment web changed.']);
      return run.stderr;
    };
    await set('--env', 'A=3', '--env', 'C=4', '--remove-env', 'B', '--host', 'example.com', '--connection', 'default');
    const opened = await set('--no-hosts', '--repo', 'me/docs', '--repo', 'me/api');
    assert.match(opened, /\nIt names no hosts now: its agents reach what egress\.otherwise of the runner says\.\n$/);
    assert.match(
      (await test.plan42(['environment', 'show', 'web'])).stdout,
      /\nHosts +not limited by this environment\n/,
    );
    const [environment] = await test.client.listEnvironments();
    assert.deepEqual([environment?.Repos, environment?.AllowedHosts], [['me/docs', 'me/api'], []]);
    assert.deepEqual(await deliveredTo(test, 'web'), { A: '3', KEY: 'hidden', C: '4' });
    await test.plan42(['environment', 'set', 'web', '--name', 'site', '--no-repos']);
    assert.equal((await test.client.listEnvironments())[0]?.Name, 'site');
  });

  it('rejects invalid options before it creates anything', async () => {
    await using test = await startTestServer();
    await create(test, 'web');
    const cases = [
      [['create', 'other'], 2, /^ERROR: no image given\. Give/],
      [['create', 'web', ...image], 1, /^ERROR: the environment web already exists\. Choose another name/],
      [['create', ' ', ...image], 2, /^ERROR: the name is empty\. Give/],
      [['create', 'x', '--image', 'A B'], 2, /^ERROR: "A B" is not the name of an image/],
      [['create', 'x', ...image, '--repo', 'me/x:main'], 2, /^ERROR: me\/x:main is not a repository\. Give org\/repo/],
      [
        ['create', 'x', ...image, '--host', 'https://a'],
        2,
        /^ERROR: the host "https:\/\/a" is a URL; write "a"\. Give a name/,
      ],
      [['create', 'x', ...image, '--env', 'A=1', '--env', 'A=2'], 2, /^ERROR: A is given twice\. Give each/],
      [['create', 'x', ...image, '--secret-file', 'KEY'], 2, /^ERROR: --secret-file needs a name and a file\. Give/],
      [['create', 'x', ...image, '--secret-file', 'KEY=/none'], 1, /^ERROR: cannot read the secret KEY from \/none/],
      [['create', 'x', ...image, '--secret-file', 'KEY=-'], 2, /^ERROR: the secret KEY is empty\. Give/],
      [
        ['create', 'x', ...image, '--secret-file', 'KEY=-', '--context', '-'],
        2,
        /^ERROR: only one option can read standard input\. Use files/,
      ],
      [['create', 'x', ...image, '--connection', 'y'], 1, /^ERROR: connection y not found\. To list them/],
      [['set', 'web'], 2, /^ERROR: nothing to change\. To see/],
      [['set', 'web', '--remove-env', 'A'], 1, /^ERROR: the environment has no variable A\. It has: none/],
      [['set', 'none', '--env', 'A=1'], 1, /^ERROR: environment none not found\. To list them/],
    ] as const;
    for (const [argv, code, message] of cases) {
      const run = await test.plan42(['environment', ...argv], { stdin: '' });
      assert.match(run.stderr, message);
      assert.deepEqual([run.exitCode, run.stdout], [code, '']);
    }
    assert.equal((await test.client.listEnvironments()).length, 1);
  });

  it('lists environments of users, and all with --all', async () => {
    await using test = await startTestServer();
    assert.match((await test.plan42(['environment', 'list'])).stderr, /^No environments\. Create one/);
    await create(test, 'web');
    await create(test, 'api', '--repo', 'me/api');
    await test.plan42(['task', 'create', '--image', 'example.com/other:1', '--prompt', 'x']);
    const { stdout } = await test.plan42(['environment', 'list']);
    assert.match(
      stdout,
      /^ENVIRONMENT\tNAME\tIMAGE\tREPOSITORIES\tCREATED\n\S+\tapi\t.*\tme\/api\t.*\n\S+\tweb\t.*\n$/,
    );
    assert.match((await test.plan42(['environment', 'list', '--all'])).stdout, /example\.com\/other:1/);
  });

  it('deletes environments that no unfinished task uses, and others with --force', async () => {
    await using test = await startTestServer();
    await create(test, 'web');
    await create(test, 'api');
    const task = await test.plan42(['task', 'create', '--environment', 'web', '--prompt', 'x']);
    const taskId = task.stdout.trimEnd();
    const refused = await test.plan42(['environment', 'delete', 'api', 'web']);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, new RegExp(`^ERROR: task ${taskId} uses the environment and is not finished\\.`));
    const forced = await test.plan42(['environment', 'delete', 'api', 'web', '--force']);
    assert.deepEqual([forced.exitCode, forced.stderr], [0, 'Environment api deleted.\nEnvironment web deleted.\n']);
    assert.deepEqual(await test.client.listEnvironments(), []);
  });
});

describe('plan42 server task create with an environment', () => {
  const prompt = ['--prompt', 'x'];

  it('accepts the name of an environment', async () => {
    await using test = await startTestServer();
    const id = await create(test, 'web');
    const run = await test.plan42(['task', 'create', '--environment', 'web', ...prompt]);
    assert.equal((await test.client.getTask(run.stdout.trimEnd())).EnvironmentId, id);
    const unknown = await test.plan42(['task', 'create', '--environment', 'none', ...prompt]);
    assert.match(unknown.stderr, /^ERROR: environment none not found\. To list them, run "plan42 server environment/);
  });

  it('takes the environment that was made for an image, and asks which if there are several', async () => {
    await using test = await startTestServer();
    const id = await create(test, 'web', '--repo', 'me/web', '--env', 'A=1');
    const run = await test.plan42(['task', 'create', ...image, ...prompt, '--repo', 'me/web:next']);
    assert.equal(run.stderr, 'Using the environment web, which has this image.\n');
    const task = await test.client.getTask(run.stdout.trimEnd());
    assert.deepEqual([task.EnvironmentId, task.RepoInfo?.['me/web']?.TargetBranch], [id, 'next']);
    const other = await test.plan42(['task', 'create', ...image, ...prompt, '--env', 'A=2']);
    assert.equal(other.stderr, '', 'other variables need another environment');
    await create(test, 'api');
    const several = await test.plan42(['task', 'create', ...image, ...prompt]);
    assert.equal(several.exitCode, 1);
    assert.match(
      several.stderr,
      /^ERROR: 2 environments have the image example\.com\/agent:1\. Choose one with --environment: web, api\.\n$/,
    );
  });
});
