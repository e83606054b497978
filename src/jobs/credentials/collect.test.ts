import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../config/parse.ts';
import { UserError } from '../../lib/errors.ts';
import { collectSecrets, currentValue, unboundSecrets } from './collect.ts';

const connectionId = '3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9';
const configOf = (file: string) => parseConfig({ file, env: {}, flags: new Map() }).config;

function collect(file: string, request: Record<string, unknown> = {}, env: NodeJS.ProcessEnv = {}) {
  const config = configOf(file);
  const [name] = Object.keys(config.github);
  const connection = name === undefined ? undefined : config.github[name];
  const named = name !== undefined && connection ? { name, connection } : undefined;
  const found = collectSecrets({ config, connection: named, request, env });
  return Object.fromEntries(
    found.map((secret) => [
      secret.name,
      `${secret.value} ${secret.targets.map(({ host, port, isPlain }) => `${isPlain ? '!' : ''}${host}:${port}`).join(' ')}${secret.header === undefined ? '' : ` in ${secret.header}`}`,
    ]),
  );
}
const jobEnv = (...variables: string[]) => `[jobs]\nenv = ${JSON.stringify(variables)}\n`;
const withVariables = (...EnvVars: unknown[]) => ({ Environment: { EnvVars } });
const githubCom = [
  'github.com',
  'api.github.com',
  'uploads.github.com',
  'codeload.github.com',
  'raw.githubusercontent.com',
];
const onTls = (hosts: readonly string[], port = 443) => hosts.map((host) => `${host}:${port}`).join(' ');

test('the token of the connection is for its GitHub', () => {
  const table = (url: string) =>
    `[github.work]\nconnection_id = "${connectionId}"\nurl = "${url}"\ntoken = "ghp_secret"\n`;
  assert.deepEqual(collect(table('https://github.com')), { 'github.work': `ghp_secret ${onTls(githubCom)}` });
  const own = ['', 'api.', 'uploads.', 'codeload.', 'raw.', 'media.', 'containers.'].map(
    (part) => `${part}git.corp.example`,
  );
  assert.deepEqual(collect(table('https://git.corp.example:8443')), {
    'github.work': `ghp_secret ${onTls(own, 8443)}`,
  });
  assert.deepEqual(collect(table('https://10.0.0.1')), { 'github.work': 'ghp_secret 10.0.0.1:443' });
  assert.match(collect(table('http://127.0.0.1:3000'))['github.work'] ?? '', /^ghp_secret !127\.0\.0\.1:3000$/);
});

test('a token of the request is for the GitHub that it names', () => {
  assert.deepEqual(collect('', { GithubToken: 'ghs_secret', GithubURL: 'https://10.0.0.1' }), {
    GithubToken: 'ghs_secret 10.0.0.1:443',
  });
  assert.deepEqual(collect('', { GithubToken: 'ghs_secret' }), { GithubToken: `ghs_secret ${onTls(githubCom)}` });
  assert.deepEqual(collect('', { GithubToken: '' }), {});
});

test('a message does not choose the host of a secret of the configuration', () => {
  const message = {
    GithubURL: 'https://evil.example',
    ...withVariables(
      ...['OPENAI_BASE_URL', 'AZURE_OPENAI_ENDPOINT'].map((Name) => ({ Name, Value: 'https://evil.example' })),
      { Name: 'GH_HOST', Value: 'evil.example' },
      { Name: 'MISTRAL_API_KEY', Value: 'key-of-the-message', IsSecret: true },
      { Name: 'MISTRAL_API_BASE', Value: 'https://models.example' },
    ),
  };
  const keys = ['OPENAI_API_KEY', 'AZURE_OPENAI_API_KEY', 'GH_TOKEN', 'GH_ENTERPRISE_TOKEN'];
  assert.deepEqual(collect(jobEnv(...keys.map((name) => `${name}=of-the-operator`)), message), {
    'jobs.env.OPENAI_API_KEY': 'of-the-operator api.openai.com:443',
    'jobs.env.AZURE_OPENAI_API_KEY': 'of-the-operator ',
    'jobs.env.GH_TOKEN': `of-the-operator ${onTls(githubCom)}`,
    'jobs.env.GH_ENTERPRISE_TOKEN': 'of-the-operator ',
    'environment.MISTRAL_API_KEY': 'key-of-the-message models.example:443',
  });
  const own = jobEnv('AZURE_OPENAI_API_KEY=of-the-operator', 'AZURE_OPENAI_ENDPOINT=https://own.example');
  assert.equal(collect(own, message)['jobs.env.AZURE_OPENAI_API_KEY'], 'of-the-operator own.example:443');
});

test('the key of a model is for its provider, or for the URL in another variable', () => {
  const env = { OPENAI_API_KEY: 'sk-of-the-runner' };
  assert.deepEqual(collect(jobEnv('ANTHROPIC_API_KEY=sk-ant-123', 'OPENAI_API_KEY', 'EDITOR=vi'), {}, env), {
    'jobs.env.ANTHROPIC_API_KEY': 'sk-ant-123 api.anthropic.com:443',
    'jobs.env.OPENAI_API_KEY': 'sk-of-the-runner api.openai.com:443',
  });
  const bases = ['OPENAI_BASE_URL=http://10.0.0.5:8000/v1', 'ANTHROPIC_BASE_URL=https://llm.example/x'];
  assert.deepEqual(collect(jobEnv('OPENAI_API_KEY=sk-12345678', 'CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat', ...bases)), {
    'jobs.env.OPENAI_API_KEY': 'sk-12345678 !10.0.0.5:8000',
    'jobs.env.CLAUDE_CODE_OAUTH_TOKEN': 'sk-ant-oat llm.example:443',
  });
  assert.deepEqual(collect(jobEnv('OPENAI_API_KEY=none', 'AZURE_OPENAI_API_KEY=0123456789')), {});
});

test('secret variables of the environment count, others do not', () => {
  const request = withVariables(
    { Name: 'GEMINI_API_KEY', Value: 'AIza-secret', IsSecret: true },
    { Name: 'OPENAI_API_KEY', Value: 'sk-not-marked', IsSecret: false },
    { Name: 'OTHER', Value: 'secret-but-not-bound', IsSecret: true },
    'nonsense',
  );
  assert.deepEqual(collect('', request), {
    'environment.GEMINI_API_KEY': 'AIza-secret generativelanguage.googleapis.com:443',
  });
});

test('a table binds a variable of the environment and of jobs.env, in place of what is usual', () => {
  const table =
    '[credentials.own]\nvariable = "OPENAI_API_KEY"\nhosts = ["a.example", "b.example:8443"]\nheader = "X-Own"\n';
  const request = withVariables({ Name: 'OPENAI_API_KEY', Value: 'of-environment', IsSecret: true });
  assert.deepEqual(collect(jobEnv('OPENAI_API_KEY=of-the-runner') + table, request), {
    'jobs.env.OPENAI_API_KEY': 'of-the-runner a.example:443 b.example:8443 in x-own',
    'credentials.own': 'of-environment a.example:443 b.example:8443 in x-own',
  });
  assert.deepEqual(collect(table), {});
});

test('a secret that cannot be kept out of the job refuses it', () => {
  const table = '[credentials.own]\nvariable = "OWN"\nhosts = ["a.example"]\n';
  for (const value of ['short', 'ümläute-too']) {
    assert.throws(
      () => collect(jobEnv(`OWN=${value}`) + table),
      (error) =>
        error instanceof UserError &&
        /cannot keep jobs\.env\.OWN out/.test(error.message) &&
        !error.message.includes(value),
    );
  }
});

test('a key of known hosts that no header can have refuses the job, and is not called known', () => {
  const bad = ['sk-proj-secret\r', 'AIza-secret\u00e9'];
  for (const value of bad) {
    const refused = (name: string) => (error: Error) =>
      error.message === `cannot keep ${name} out of the job: no header can have it`;
    assert.throws(
      () => collect(jobEnv('OPENAI_API_KEY'), {}, { OPENAI_API_KEY: value }),
      refused('jobs.env.OPENAI_API_KEY'),
    );
    const variable = { Name: 'OPENAI_API_KEY', Value: value, IsSecret: true };
    assert.throws(() => collect('', withVariables(variable)), refused('environment.OPENAI_API_KEY'));
    assert.deepEqual(unboundSecrets(new Map([['OPENAI_API_KEY', value]]), {}), ['OPENAI_API_KEY']);
  }
  assert.deepEqual(unboundSecrets(new Map([['OPENAI_API_KEY', 'sk-proj-secret']]), {}), []);
  // Servers of models on one's own machine want any text.
  assert.deepEqual(collect(jobEnv('OPENAI_API_KEY=none')), {});
});

test('values of the configuration are looked up again, and others are not', () => {
  const config = configOf(`[github."a.b"]\ntoken = "ghp_new"\n${jobEnv('A=1', 'B')}`);
  assert.equal(currentValue('github.a.b', config, {}), 'ghp_new');
  assert.equal(currentValue('github.gone', config, {}), undefined);
  assert.equal(currentValue('github.constructor', config, {}), undefined);
  assert.equal(currentValue('jobs.env.A', config, {}), '1');
  assert.equal(currentValue('jobs.env.B', config, { B: '2' }), '2');
  assert.equal(currentValue('jobs.env.C', config, { C: '3' }), undefined);
});
