/** Jobs with ten secrets, none of which exists in them, while git, curl, Node.js and Python use them. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { type RequestListener, request as sendRequest } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { issueCertificates } from '../src/jobs/credentials/certificates.ts';
import { startSecureHost } from './support/broker.ts';
import { startControlPlane } from './support/control-plane.ts';
import { scanJob } from './support/credentials/scan.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { startGitServer } from './support/git-server.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { untilOver } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { watchDelay } from './support/watch-delay.ts';

const random = (prefix: string) => prefix + randomBytes(18).toString('hex');
const makeSecrets = () => ({
  github: random('ghp_'),
  ghToken: random('gho_'),
  openai: random('sk-proj-'),
  gemini: random('AIza'),
  anthropic: random('sk-ant-api03-'),
  claude: random('sk-ant-oat01-'),
  messages: random('sk-ant-api03-'),
  npm: random('npm_'),
  registry: random('own+/='),
  gitlab: random('glpat-'),
});
/** Secrets of the runner and its machine, which no job gets in any form. */
const makeBystanders = () => ({
  proxy: random('proxy-'),
  registryLogin: random('login-'),
  otherGithub: random('ghp_'),
  hostVariable: random('host-'),
});
const host = hostname().toLowerCase();

async function setUp(t: TestContext, name: 'podman' | 'docker') {
  const engines = await requires(t, name, 'registry');
  if (!engines) return undefined;
  const { env: engineEnv } = engines[name];
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const secrets = makeSecrets();
  const bystanders = makeBystanders();
  const git = stack.use(await startGitServer(join(dir.path, 'git'), { password: secrets.github }));
  await git.create('acme/app');
  await git.commit('acme/app', { 'README.md': 'An app\n' });

  /** Which secrets have come, by the path of the request. */
  const arrived = new Map<string, string>();
  const valid = { github: secrets.github, refused: false, lastRefusedAt: 0 };
  const listener: RequestListener = (request, response) => {
    const path = new URL(request.url ?? '', 'https://x').pathname;
    const shown = `${request.url} ${JSON.stringify(request.headers)}`.replace(
      encodeURIComponent(secrets.registry),
      secrets.registry,
    );
    for (const [key, value] of Object.entries({ ...secrets, github: valid.github }))
      if (shown.includes(value)) arrived.set(path, key);
    if (path.startsWith('/acme/')) {
      const { method, headers, url = '' } = request;
      const sent = sendRequest(`${git.url}${url}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      request.pipe(sent);
      return;
    }
    const isRefused = path === '/api/v3/meta' && !arrived.has(path);
    valid.refused ||= isRefused;
    if (isRefused) valid.lastRefusedAt = performance.now();
    response.statusCode = isRefused ? 401 : 200;
    request.resume().once('end', () => response.end('{}'));
  };
  const certificates = issueCertificates([host], new Date());
  const code = stack.use(await startSecureHost([host], listener, certificates));
  const model = stack.use(await startSecureHost([host], listener, certificates));
  const { address } = await lookup(host, { family: 4 });

  const given = join(dir.path, 'given');
  await mkdir(given);
  await cp(join(import.meta.dirname, 'support/credentials/agent.sh'), join(given, 'agent.sh'));
  await chmod(join(given, 'agent.sh'), 0o755);
  await cp(process.execPath, join(given, 'node'));
  const ca = join(dir.path, 'ca.pem');
  await writeFile(ca, certificates.authority);

  const plane = stack.use(await startControlPlane());
  const connection = randomUUID();
  const RunnerID = plane.runner.split('/').at(-1);
  await plane.call('PUT', `github-connections/${connection}`, { body: { Private: true, RunnerID } });
  const modelUrl = `https://${host}:${model.port}`;
  const variables = {
    ...{ GH_TOKEN: secrets.ghToken, OPENAI_API_KEY: secrets.openai, GEMINI_API_KEY: secrets.gemini },
    ...{ ANTHROPIC_API_KEY: secrets.anthropic, CLAUDE_CODE_OAUTH_TOKEN: secrets.claude, GITLAB_TOKEN: secrets.gitlab },
    ...{ OPENAI_BASE_URL: modelUrl, GOOGLE_GEMINI_BASE_URL: modelUrl, ANTHROPIC_BASE_URL: modelUrl },
    ...{ HOST: host, CODE_PORT: code.port, MODEL_PORT: model.port },
  };
  const mounts = [`${given}:/given`, '/usr:/usr', '/usr/lib:/lib', '/usr/lib64:/lib64'];
  const configOf = (token: string) => `
[github.work]
connection_id = "${connection}"
url = "https://${host}:${code.port}"
token = "${token}"
[github.other]
connection_id = "${randomUUID()}"
token = "${bystanders.otherGithub}"
[jobs]
ca_file = "${ca}"
entrypoint = "/given/agent.sh"
mounts = ${JSON.stringify(mounts)}
env = ${JSON.stringify(Object.entries(variables).map(([key, value]) => `${key}=${value}`))}
[images]
pull_policy = "if-not-present"
[egress]
mode = "enforce"
proxy = "http://user:${bystanders.proxy}@127.0.0.1:9"
always = ["${address}:${code.port}", "${address}:${model.port}"]
[credentials.registry]
variable = "REGISTRY_KEY"
hosts = ["${host}:${model.port}"]
header = "X-Own"
[credentials.npm]
variable = "NPM_TOKEN"
hosts = ["${host}:${model.port}"]
[credentials.gitlab]
variable = "GITLAB_TOKEN"
hosts = ["${host}:${model.port}"]
`;
  const proxies = Object.fromEntries(
    ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy', 'ALL_PROXY', 'all_proxy'].map((key) => [key, '']),
  );
  const login = join(dir.path, 'login');
  await mkdir(login);
  const auth = btoa(`user:${bystanders.registryLogin}`);
  await writeFile(join(login, 'config.json'), JSON.stringify({ auths: { 'registry.invalid': { auth } } }));
  const runnerToken = await plane.newToken();
  const options = {
    url: plane.server.url,
    token: runnerToken,
    runtime: name,
    env: {
      ...{ ...engineEnv, ...proxies, NODE_EXTRA_CA_CERTS: undefined },
      ...(name === 'docker' ? { DOCKER_CONFIG: login } : { REGISTRY_AUTH_FILE: join(login, 'config.json') }),
      // The hosts of the test are reached without the proxy.
      ...{ NO_PROXY: host, MY_HOST_TOKEN: bystanders.hostVariable },
    },
  };
  const runner = stack.use(await RunnerProcess.start({ ...options, config: configOf(secrets.github) }));
  await runner.logged(/queue registered/);
  const secret = (Name: string, Value: string) => ({ Name, Value, IsSecret: true });
  const EnvironmentId = await plane.newEnvironment({
    DockerImage: engines.images.agent,
    GithubConnectionId: connection,
    Repos: ['acme/app'],
    AllowedHosts: [`${host}:${code.port}`, `${host}:${model.port}`],
    EnvVars: [
      secret('NPM_TOKEN', secrets.npm),
      secret('REGISTRY_KEY', secrets.registry),
      secret('ANTHROPIC_AUTH_TOKEN', secrets.messages),
    ],
  });
  const owned = stack.move();
  return {
    ...{
      plane,
      runner,
      secrets,
      bystanders: { ...bystanders, runnerToken, registryAuth: auth },
      arrived,
      valid,
      given,
      git,
      engineEnv,
    },
    start: () => plane.newTask({ EnvironmentId, Title: 'keys', Prompt: `The token is ${secrets.npm}.` }),
    /** Changes the token in the configuration file. */
    replaceToken: async (token: string) => {
      const file = join(runner.folder, 'plan42-runner.toml');
      const content = await readFile(file, 'utf8');
      await writeFile(file, content.replace(/^token = "gh.*$/m, `token = "${token}"`));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Requires that what goes beyond the task was refused. */
function requireLimits(log: string, branch: string): void {
  for (const line of [
    '[remote rejected] HEAD -> main (not the branch of the task)',
    `[remote rejected] HEAD -> ${branch}-more (not the branch of the task)`,
    `[remote rejected] ${branch} (the branch of the task must not be deleted)`,
    'plan42: acme/other is no repository',
    'pulls/1/merge 403',
  ])
    assert.ok(log.includes(line), `${line} in\n${log}`);
}

for (const name of ['podman', 'docker'] as const) {
  suite(name, () => {
    test('a job uses ten secrets and has none of them', { timeout: 300_000 }, async (t) => {
      await using setting = await setUp(t, name);
      if (!setting) return;
      const { secrets, bystanders, arrived, runner, given, git, valid, plane } = setting;
      const taskId = await setting.start();
      const jobId = `plan42-${taskId}-1`;
      const log = () => readFile(join(runner.folder, 'state/logs', `${jobId}.log`), 'utf8').catch(() => '');
      await eventually(
        async () =>
          /^waiting$/m.test(await log()) &&
          /python 200/.test(await log()) &&
          (await log()).split('node 200').length > 2,
      ).catch(async (error: unknown) => {
        throw new Error(`${await log()}\n${runner.log}`, { cause: error });
      });

      assert.deepEqual(Object.fromEntries([...arrived].filter(([path]) => !path.startsWith('/acme/'))), {
        '/api/v3/user': 'github',
        '/api/graphql': 'github',
        '/api/v3/rate_limit': 'ghToken',
        '/v1/models': 'openai',
        '/v1beta/models': 'gemini',
        '/own': 'registry',
        '/gitlab': 'gitlab',
        '/npm': 'npm',
        '/v1/messages': 'claude',
        '/v1/python': 'messages',
      });
      assert.match(await log(), /^git works$/m);
      const branch = `plan42/keys-${taskId.slice(0, 8)}`;
      assert.equal(await git.git('acme/app', 'show', `${branch}:new.txt`), 'content');
      requireLimits(await log(), branch);
      assert.deepEqual(
        (await git.git('acme/app', 'for-each-ref', '--format=%(refname:short) %(subject)')).split('\n').toSorted(),
        ['main Change', `${branch} Add a file`].toSorted(),
      );
      assert.match(await log(), /elsewhere 403/);
      const inspected = await run(name, ['inspect', jobId], { env: setting.engineEnv });
      const pid = Number((JSON.parse(inspected) as { State: { Pid: number } }[])[0]?.State.Pid);
      const found = await scanJob(pid, { ...secrets, ...bystanders, control: 'memory-control' }, [
        await log(),
        inspected,
      ]);
      // The scan sees what is there.
      assert.ok(found.delete('control'));
      assert.deepEqual([...found], []);

      // The token expires; then a new one is used by the running job.
      valid.github = random('ghp_');
      await writeFile(join(given, 'again'), '');
      await eventually(async () => valid.refused);
      await using delay = watchDelay(process.execPath, ['-e', '0']);
      await setting.replaceToken(valid.github);
      const replacedAt = performance.now();
      await eventually(async () => /^ended$/m.test(await log()));
      // The job calls all the time. Each call that comes later than 2 s after the change has the new token.
      const lastMs = Math.max(0, valid.lastRefusedAt - replacedAt);
      const delayMs = delay.maxMs();
      t.diagnostic(
        `${name}: the old token was used until ${Math.round(lastMs)} ms after the change; a program took up to ${Math.round(delayMs)} ms`,
      );
      // Runner and gateway read a file each, which is less work than the program.
      assert.ok(lastMs <= 2000 + 2 * delayMs, `${lastMs} ms; a program took ${delayMs} ms`);
      await runner.logged(/credentials of job replaced/);
      assert.match(await log(), /meta 200/);
      await untilOver(plane, taskId);
      // The lines of the gateway come last.
      assert.match(
        await log(),
        /^plan42: credentials: \S+ refused the credential github\.work \(status 401\)\. If it has expired,/m,
      );
      assert.match(
        await log(),
        /^plan42: network: refused \S+: a push to acme\/app: "refs\/heads\/main" \(not the branch of the task\)/m,
      );
      assert.match(
        await log(),
        /^plan42: network: refused .*: the credential jobs\.env\.OPENAI_API_KEY is not for this host/m,
      );
      for (const [key, secret] of Object.entries(secrets)) assert.ok(!(await log()).includes(secret), key);
    });
  });
}
