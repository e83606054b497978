import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFakeEngine } from '../../../test/support/fake-engine.ts';
import { git } from '../../../test/support/git.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { parseEntry } from '../../gateway/entries.ts';
import type { CliContext } from '../context.ts';
import type { LocalRepository } from './git/local-repository.ts';
import { decideNetwork, packagePresets } from './network.ts';
import { githubRepoOf } from './pull-request.ts';

const secret = (Name: string) => ({ Name, Value: `value-of-${Name}`, IsSecret: true });

const local = {
  'context inspect*': 'echo unix:///var/run/docker.sock',
  'info --format {{.SecurityOptions}}': 'echo "[name=seccomp]"',
};

async function setUp(responses: Record<string, string> = {}) {
  await using stack = new AsyncDisposableStack();
  const engine = stack.use(await makeFakeEngine('docker', { ...local, ...responses }));
  const dir = stack.use(await makeTempDir());
  const folder = join(dir.path, 'repository');
  await git(dir.path, ['init', '--quiet', folder]);
  const env = { ...engine.env, HOME: dir.path, PLAN42_RUN_DIR: join(dir.path, 'run') };
  const context = { env, platform: process.platform } as unknown as CliContext;
  const repository = { git: { folder, env, signal: new AbortController().signal } } as unknown as LocalRepository;
  type Input = Partial<Parameters<typeof decideNetwork>[1]>;
  const owned = stack.move();
  return {
    repository,
    configure: async (text: string) => {
      await mkdir(env.PLAN42_RUN_DIR, { recursive: true });
      await writeFile(join(env.PLAN42_RUN_DIR, 'runner.toml'), text, { mode: 0o600 });
    },
    setRemote: (url: string) => git(folder, ['remote', 'add', 'origin', url]),
    decide: (input: Input = {}, more: NodeJS.ProcessEnv = {}) =>
      decideNetwork(
        { ...context, env: { ...env, ...more } },
        {
          ...{
            options: {},
            engine: 'docker',
            agentHosts: ['api.anthropic.com'],
            variables: [secret('ANTHROPIC_API_KEY')],
          },
          ...{ repository, ...input },
        },
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('by default, the agent reaches its model, packages and the hosts of code', async () => {
  await using setting = await setUp();
  const first = await setting.decide();
  assert.deepEqual(first.hosts, [...packagePresets, 'api.anthropic.com']);
  assert.equal(first.notes.length, 1);
  assert.match(first.notes[0] ?? '', /^The agent reaches its model, package registries and github\.com\. /);
  for (const preset of packagePresets) assert.ok(parseEntry(preset).length > 1 || preset === 'alpine', preset);
  await setting.setRemote('git@git.corp.example:group/below/app.git');
  const { hosts, notes } = await setting.decide({ options: { allow: ['docs.example.com'] } });
  assert.deepEqual([hosts?.slice(-3), notes], [['git.corp.example', 'api.anthropic.com', 'docs.example.com'], []]);
  assert.match((await setting.decide()).notes.join(), /registries, github\.com and git\.corp\.example\./);
  assert.equal(await githubRepoOf(setting.repository), undefined);
});

test('the user chooses another limit, once or always', async () => {
  await using setting = await setUp();
  await setting.setRemote('https://github.com/acme/app.git');
  const hosts = async (network: 'minimal' | 'public' | 'open', more = {}) =>
    (await setting.decide({ options: { network, ...more } })).hosts;
  assert.deepEqual(await hosts('minimal'), ['api.anthropic.com']);
  assert.deepEqual(await hosts('minimal', { allow: ['npm'] }), ['api.anthropic.com', 'npm']);
  assert.deepEqual(await hosts('public'), ['*', 'api.anthropic.com']);
  assert.equal(await hosts('open'), undefined);
  assert.deepEqual((await setting.decide({ agentHosts: [], options: { network: 'minimal' } })).hosts, ['none.invalid']);
  assert.deepEqual(await setting.decide({}, { PLAN42_RUN_NETWORK: 'open' }), { hosts: undefined, notes: [] });
  await assert.rejects(setting.decide({}, { PLAN42_RUN_NETWORK: 'opne' }), /invalid PLAN42_RUN_NETWORK: "opne"/);
  assert.equal(await githubRepoOf(setting.repository), 'acme/app');
});

test('without a wall, the default says what the agent gets, and a limit that was asked for is not dropped', async () => {
  const cases: [Record<string, string>, string, NodeJS.ProcessEnv, RegExp][] = [
    [{ 'context inspect*': 'echo tcp://10.0.0.1:2375' }, '', {}, /docker is on another machine/],
    [{ 'context inspect*': 'echo unix:///home/u/.docker/desktop/docker.sock' }, '', {}, /runs in a virtual machine/],
    [{}, '[jobs]\nno_new_privileges = false\n', {}, /jobs\.no_new_privileges is off/],
    [{}, '[jobs]\nnetwork = "mine"\n', {}, /jobs\.network is set in /],
    [{}, '[egress]\nmode = "off"\n', {}, /egress\.mode is "off" in /],
    [{}, '', { ALL_PROXY: 'socks5://user:hunter2@a.example' }, /only http and https proxies are supported/],
  ];
  for (const [responses, config, env, reason] of cases) {
    await using setting = await setUp(responses);
    await setting.configure(config);
    const {
      hosts,
      notes: [note = ''],
    } = await setting.decide({}, env);
    assert.equal(hosts, undefined);
    assert.match(note, reason);
    assert.match(note, /^The network of the agent is not limited, and it gets ANTHROPIC_API_KEY itself: /);
    assert.doesNotMatch(note, /hunter2/);
    const asked = setting.decide({ options: { network: 'packages' } }, env);
    if (config.includes('off"')) await assert.rejects(asked, /cannot be limited: egress\.mode is "off"/);
    // The runner refuses the job.
    else assert.ok((await asked).hosts?.includes('npm'));
  }
});

test('the runners of another server are limited on request only', async () => {
  await using setting = await setUp();
  assert.deepEqual(await setting.decide({ engine: undefined }), { hosts: undefined, notes: [] });
  const { hosts } = await setting.decide({ engine: undefined, options: { allow: ['a.example'] } });
  assert.ok(hosts?.includes('a.example') && hosts.includes('npm'));
});

test('a secret that goes in as it is, is named', async () => {
  await using setting = await setUp();
  const variables = ['ANTHROPIC_API_KEY', 'GH_TOKEN', 'MY_TOKEN'].map(secret);
  const notes = async () => (await setting.decide({ options: { network: 'public' }, variables })).notes;
  assert.match(
    (await notes()).join(),
    /^MY_TOKEN is not bound to hosts, so the agent gets it itself\. .*runner\.toml\.$/,
  );
  variables.push(secret('DATABASE_URL'), { ...secret('MYSQL_PWD'), Value: 'x' });
  assert.match((await notes()).join(), /^MY_TOKEN, DATABASE_URL and MYSQL_PWD are not bound to hosts/);
  variables.splice(-2);
  await setting.configure('[credentials.mine]\nvariable = "MY_TOKEN"\nhosts = ["a.example"]\n');
  assert.deepEqual(await notes(), []);
});

test('a key that no header can have is refused where it would be kept outside', async () => {
  await using setting = await setUp();
  const variables = [{ ...secret('ANTHROPIC_API_KEY'), Value: 'sk-ant-secret\u00e9' }];
  const refused = (error: Error) =>
    /^cannot keep ANTHROPIC_API_KEY out of the job: no header can have it$/.test(error.message);
  await assert.rejects(setting.decide({ variables }), refused);
  await assert.rejects(setting.decide({ options: { network: 'public' }, variables }), refused);
  assert.deepEqual((await setting.decide({ options: { network: 'open' }, variables })).notes, []);
});
