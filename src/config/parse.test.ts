import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig, settableKeys } from './parse.ts';
import type { Config } from './schema.ts';

interface Given {
  file?: string;
  env?: NodeJS.ProcessEnv;
  flags?: Record<string, string>;
}

function read({ file, env = {}, flags = {} }: Given = {}) {
  return parseConfig({ file, env, flags: new Map(Object.entries(flags)) });
}

/** The configuration of sources without any problem. */
function good(given: Given): Config {
  const { config, problems } = read(given);
  assert.deepEqual(problems, []);
  return config;
}

const everything = `
[runner]
url = "https://plan42.example.com/prefix"
token = "p42r_secret"
skip_ssl_verify = true
runtime = " Podman "
instance_id = "3E3819C6-aeeb-493c-9a9d-13f87c3ba9b9"
openai_endpoint = "https://models.example.com/v1/"
openai_token = "sk-secret"
claude_endpoint = "http://gpu.example.com:8080"
claude_token = "sk-ant-secret"
no_websearch = true
no_cache_ttl = true
[runner.model_mappings."GPT-5.1 Codex"]
provider = "openai"
model = "own codex"
extended_context = true
[runner.model_mappings."Claude 4.5 Opus"]
provider = "claude"
model = "own"
[jobs]
max_jobs = 7
cpus = 1.5
memory_gib = 2
pids = 100
max_log_mib = 50
min_free_gib = 0.5
keep_finished = "60d"
stop_timeout = "1m30s"
entrypoint = "/bin/agent"
network = "none"
ca_file = "/path/to/agents.pem"
capabilities = ["CHOWN"]
no_new_privileges = false
mirrors = false
mirrors_gib = 5
mounts = ["/path/to/cache:/cache:rw"]
env = ["NAME=value", "PASSED_ON"]
[images]
pull_policy = "if-not-present"
keep = 3
keep_gib = 20
allowed = ["ghcr.io/*", "local"]
prefetch = ["ghcr.io/a:1"]
[queues]
max_queues = 8
poll_wait = "500ms"
drain_time = "1s"
shutdown_timeout = "1h"
scale_up_after = "2m"
scale_up_at = 0.5
scale_down_after = "3m"
scale_down_at = 0
[host]
unisolated = true
command = ["/path/to/agent", "an argument"]
[egress]
mode = "enforce"
otherwise = "deny"
private_hosts = "named"
allowed = ["npm", "10.0.0.0/8"]
always = ["models.example:8443"]
proxy = "http://user:secret@proxy.example:3128"
[credentials]
broker = "off"
off_images = ["old/*"]
[credentials.npm]
variable = "NPM_TOKEN"
hosts = ["npm.example:8443"]
header = "X-Token"
[limits]
max_duration = "8h"
idle_timeout = "30m"
disk_gib = 2.5
max_log_mib = 40
wrap_up = "1m"
max_tokens = 1_000_000
max_cost = 2.5
model_hosts = ["models.example", "http://[::1]:11434"]

[limits.prices."gpt-5.1"]
input = 1.25
output = 10
cached_input = 0.125

[kubernetes]
kubeconfig = "/path/to/kubeconfig"
context = "production"
namespace = "agents"
pod_template = "/path/to/pod.yaml"
service_account = "agent"
helper_image = "registry.example.com/plan42-runner:1"
architecture = "arm64"
ttl = "1d"
start_timeout = "2m"
state_key = "0123456789abcdef0123456789abcdef"
[network]
ca_file = "/path/to/ca.pem"
[events]
enabled = false
trigger = "/agent"

[health]
listen = "[::1]:9142"
[log]
level = "debug"
format = "json"
[github.my-github]
name = "mine"
url = "https://github.example.com"
connection_id = "0b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e"
token = "ghp_secret"
push = "any"
api = "any"
also_read = ["acme/lib", "tools/*"]
`;

describe('the file', () => {
  test('is parsed completely', () => {
    const { runner, github, ...rest } = good({ file: everything });
    assert.deepEqual(
      { ...runner, url: runner.url.href },
      {
        url: 'https://plan42.example.com/prefix',
        token: 'p42r_secret',
        skipSslVerify: true,
        runtime: 'podman',
        instanceId: '3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9',
        openaiEndpoint: 'https://models.example.com/v1/',
        openaiToken: 'sk-secret',
        claudeEndpoint: 'http://gpu.example.com:8080',
        claudeToken: 'sk-ant-secret',
        noWebsearch: true,
        noCacheTtl: true,
      },
    );
    assert.deepEqual(rest, {
      modelMappings: {
        'GPT-5.1 Codex': { provider: 'openai', model: 'own codex', extendedContext: true },
        'Claude 4.5 Opus': { provider: 'claude', model: 'own', extendedContext: false },
      },
      jobs: {
        maxJobs: 7,
        cpus: 1.5,
        memoryGib: 2,
        pids: 100,
        maxLogMib: 50,
        minFreeGib: 0.5,
        keepFinishedMs: 60 * 86_400_000,
        stopTimeoutMs: 90_000,
        entrypoint: '/bin/agent',
        network: 'none',
        caFile: '/path/to/agents.pem',
        capabilities: ['CHOWN'],
        noNewPrivileges: false,
        mirrors: false,
        mirrorsGib: 5,
        mounts: [{ source: '/path/to/cache', target: '/cache', isReadOnly: false, relabel: false }],
        env: [
          { name: 'NAME', value: 'value' },
          { name: 'PASSED_ON', value: undefined },
        ],
      },
      images: {
        pullPolicy: 'if-not-present',
        keep: 3,
        keepGib: 20,
        allowed: ['ghcr.io/*', 'local'],
        prefetch: ['ghcr.io/a:1'],
      },
      queues: {
        maxQueues: 8,
        pollWaitMs: 500,
        drainTimeMs: 1000,
        shutdownTimeoutMs: 3_600_000,
        scaleUpAfterMs: 120_000,
        scaleUpAt: 0.5,
        scaleDownAfterMs: 180_000,
        scaleDownAt: 0,
      },
      host: { unisolated: true, command: ['/path/to/agent', 'an argument'] },
      kubernetes: {
        kubeconfig: '/path/to/kubeconfig',
        context: 'production',
        namespace: 'agents',
        podTemplate: '/path/to/pod.yaml',
        serviceAccount: 'agent',
        helperImage: 'registry.example.com/plan42-runner:1',
        architecture: 'arm64',
        ttlMs: 86_400_000,
        startTimeoutMs: 120_000,
        stateKey: '0123456789abcdef0123456789abcdef',
      },
      network: { caFile: '/path/to/ca.pem' },
      events: { enabled: false, trigger: '/agent' },
      egress: {
        mode: 'enforce',
        otherwise: 'deny',
        privateHosts: 'named',
        allowed: ['npm', '10.0.0.0/8'],
        always: ['models.example:8443'],
        proxy: 'http://user:secret@proxy.example:3128',
      },
      credentials: { broker: 'off', offImages: ['old/*'] },
      credentialTables: { npm: { variable: 'NPM_TOKEN', hosts: ['npm.example:8443'], header: 'X-Token' } },
      limits: {
        ...{ maxDurationMs: 28_800_000, idleTimeoutMs: 1_800_000, diskGib: 2.5, maxLogMib: 40, wrapUpMs: 60_000 },
        ...{ maxTokens: 1_000_000, maxCost: 2.5, modelHosts: ['models.example', 'http://[::1]:11434'] },
      },
      prices: { 'gpt-5.1': { input: 1.25, output: 10, cachedInput: 0.125, cacheWrite: undefined } },
      health: { listen: { host: '::1', port: 9142 } },
      log: { level: 'debug', format: 'json' },
    });
    assert.deepEqual(Object.keys(github), ['my-github']);
    const { url, ...connection } = github['my-github'] ?? {};
    assert.equal(url?.href, 'https://github.example.com/');
    assert.deepEqual(connection, {
      name: 'mine',
      connectionId: '0b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e',
      token: 'ghp_secret',
      push: 'any',
      api: 'any',
      alsoRead: ['acme/lib', 'tools/*'],
    });
  });

  test('may be absent: defaults apply', () => {
    const { runner, jobs, images, queues, host, network, health, log, github } = good({});
    assert.deepEqual(
      { ...runner, url: runner.url.href },
      {
        url: 'https://api.dev.plan42.ai/',
        token: undefined,
        instanceId: undefined,
        skipSslVerify: false,
        runtime: undefined,
        openaiEndpoint: undefined,
        openaiToken: undefined,
        claudeEndpoint: undefined,
        claudeToken: undefined,
        noWebsearch: false,
        noCacheTtl: false,
      },
    );
    const { capabilities, ...limits } = jobs;
    assert.ok(!capabilities.includes('SYS_ADMIN') && !capabilities.includes('NET_RAW'));
    assert.deepEqual(limits, {
      maxJobs: 4,
      cpus: 4,
      memoryGib: 8,
      pids: 4096,
      maxLogMib: 200,
      minFreeGib: 1,
      keepFinishedMs: 30 * 86_400_000,
      stopTimeoutMs: 30_000,
      caFile: undefined,
      entrypoint: '/usr/bin/agent-wrapper',
      network: undefined,
      noNewPrivileges: true,
      mirrors: true,
      mirrorsGib: 20,
      mounts: [],
      env: [],
    });
    assert.deepEqual(images, { pullPolicy: 'always', keep: 10, keepGib: undefined, allowed: ['*'], prefetch: [] });
    assert.deepEqual(queues, {
      maxQueues: 64,
      pollWaitMs: 30_000,
      drainTimeMs: 30_000,
      shutdownTimeoutMs: 300_000,
      scaleUpAfterMs: 60_000,
      scaleUpAt: 0.8,
      scaleDownAfterMs: 120_000,
      scaleDownAt: 0.4,
    });
    assert.deepEqual(host, { unisolated: false, command: undefined });
    assert.deepEqual([network.caFile, health.listen, github], [undefined, undefined, {}]);
    assert.deepEqual(log, { level: 'info', format: 'text' });
  });

  for (const [name, file] of [
    ['inline tables', 'jobs = { max_jobs = 9 }'],
    ['dotted keys', 'jobs.max_jobs = 9'],
    ['quoted keys', '"jobs"."max_jobs" = 9'],
    ['literal quotes', "['jobs']\n'max_jobs' = 9"],
    ['CRLF', '[jobs]\r\nmax_jobs = 9\r\n'],
    ['comments', '# one\n[jobs] # two\nmax_jobs = 9 # three'],
    ['other notations of a number', '[jobs]\nmax_jobs = 0b1001'],
    ['a whole number with a point', '[jobs]\nmax_jobs = 9.0'],
  ] as const) {
    test(`may be written with ${name}`, () => assert.equal(good({ file }).jobs.maxJobs, 9));
  }

  test('may have connections in any notation', () => {
    const id = '0b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4';
    const file = `github.a.connection_id = "${id}1"\n[github."b c"]\nconnection_id = "${id}2"\nurl = ""\n[github.constructor]\n`;
    const { github } = good({ file });
    assert.deepEqual(Object.keys(github), ['a', 'b c', 'constructor']);
    assert.equal(github['b c']?.connectionId, `${id}2`);
    // github.md: an empty URL is github.com.
    for (const { url } of Object.values(github)) assert.equal(url.href, 'https://github.com/');
  });

  test('omits a connection with an error, whose token would go to the default server', () => {
    const file = '[github.work]\nurl = "http://ghe.example.com"\ntoken = "x"\n[github.home]\ntoken = "y"';
    const { config, problems } = read({ file });
    assert.deepEqual(Object.keys(config.github), ['home']);
    assert.deepEqual(
      problems.map(({ severity, position }) => [severity, position?.line]),
      [['error', 2]],
    );
  });

  test('changes no object but the configuration', () => {
    for (const file of [
      '[__proto__]\npolluted = 1',
      '[github.__proto__]\npolluted = 1',
      'a = [{ "__proto__".polluted = 1 }]',
    ]) {
      const { problems } = read({ file });
      assert.match(problems[0]?.message ?? '', /__proto__/);
      assert.equal(problems[0]?.position?.line, 1);
      assert.equal('polluted' in {}, false);
    }
  });
});

describe('precedence', () => {
  const file = '[log]\nlevel = "warn"\n[runner]\ntoken = "from-file"';
  test('flags, environment, file, defaults', () => {
    const env = { PLAN42_LOG_LEVEL: 'error' };
    assert.equal(good({}).log.level, 'info');
    assert.equal(good({ file }).log.level, 'warn');
    assert.equal(good({ file, env }).log.level, 'error');
    assert.equal(good({ file, env, flags: { 'log.level': 'debug' } }).log.level, 'debug');
    assert.equal(good({ file, flags: { 'log.level': 'debug' } }).log.level, 'debug');
  });

  test('an empty variable counts as unset', () => {
    assert.equal(good({ file, env: { PLAN42_LOG_LEVEL: '' } }).log.level, 'warn');
  });

  test('an overridden value may be invalid', () => {
    assert.equal(good({ file: '[jobs]\nmax_jobs = "x"', env: { PLAN42_JOBS_MAX_JOBS: '3' } }).jobs.maxJobs, 3);
  });

  test('the token can come from the environment', () => {
    for (const token of ['from-env', 'from-env\n', ' from-env\r\n'])
      assert.equal(good({ file, env: { PLAN42_RUNNER_TOKEN: token } }).runner.token, 'from-env');
  });

  test('every kind of value can be given as text', () => {
    const flags = {
      'runner.skip_ssl_verify': 'yes',
      'jobs.cpus': '0.5',
      'images.allowed': 'a, b/*,,c',
      'queues.drain_time': '2m',
      'health.listen': 'localhost:0',
      'runner.url': 'http://127.0.0.1:8000',
    };
    const { runner, jobs, images, queues, health } = good({ flags });
    assert.equal(runner.skipSslVerify, true);
    assert.equal(jobs.cpus, 0.5);
    assert.deepEqual(images.allowed, ['a', 'b/*', 'c']);
    assert.equal(queues.drainTimeMs, 120_000);
    assert.deepEqual(health.listen, { host: 'localhost', port: 0 });
    assert.equal(runner.url.port, '8000');
  });
});

describe('settings on the command line', () => {
  test('are never secrets', () => {
    assert.deepEqual(
      settableKeys().filter((key) => key.endsWith('token')),
      [],
    );
    const { problems } = read({ flags: { 'runner.token': 'p42r_secret' } });
    assert.equal(problems[0]?.severity, 'error');
    assert.equal(
      problems[0].message,
      '--set does not accept runner.token, because it is a secret. Pipe it in: "… | plan42 runner config set runner.token". ' +
        'Or set PLAN42_RUNNER_TOKEN',
    );
    assert.match(
      read({ flags: { 'runner.openai_token': 'x' } }).problems[0]?.message ?? '',
      /PLAN42_RUNNER_OPENAI_TOKEN$/,
    );
    assert.doesNotMatch(JSON.stringify(problems), /p42r_secret/);
  });

  test('of model mappings are read from the file only', () => {
    const { problems } = read({ env: { PLAN42_RUNNER_MODEL_MAPPINGS: 'x' } });
    assert.deepEqual(problems, [
      {
        severity: 'warning',
        message:
          'PLAN42_RUNNER_MODEL_MAPPINGS in the environment is ignored: set [runner.model_mappings."MODEL"] in the file',
      },
    ]);
  });

  test('must exist', () => {
    assert.deepEqual(read({ flags: { 'jobs.max_job': '1' } }).problems, [
      { severity: 'error', message: 'unknown setting "jobs.max_job", did you mean "jobs.max_jobs"?' },
    ]);
  });

  test('that are invalid are reported as given', () => {
    assert.match(read({ flags: { 'jobs.max_jobs': 'many' } }).problems[0]?.message ?? '', /--set jobs\.max_jobs is/);
    const { problems } = read({ env: { PLAN42_JOBS_MAX_JOBS: 'many' } });
    assert.match(problems[0]?.message ?? '', /PLAN42_JOBS_MAX_JOBS is/);
  });
});

test('a byte order mark, which editors on Windows write, is ignored', () => {
  assert.equal(good({ file: '\ufeff[jobs]\nmax_jobs = 3\n' }).jobs.maxJobs, 3);
  const [problem] = read({ file: '\ufeff[jobs]\nmax_jobs = "x"\n' }).problems;
  assert.deepEqual(problem?.position, { line: 2, column: 1 });
});

test('the runtime may have other capitals and spaces around it, and "" is none', () => {
  const runtimeOf = (value: string) => good({ file: `[runner]\nruntime = "${value}"\n` }).runner.runtime;
  assert.equal(runtimeOf('Docker'), 'docker');
  assert.equal(runtimeOf('\\tPODMAN\\n'), 'podman');
  assert.equal(runtimeOf(''), undefined);
  assert.equal(runtimeOf('  '), undefined);
  assert.equal(good({ env: { PLAN42_RUNNER_RUNTIME: ' Apple ' } }).runner.runtime, 'apple');
});

test('models of the environment override the file', () => {
  const env = { PLAN42_RUNNER_OPENAI_TOKEN: 'sk-env', PLAN42_RUNNER_NO_WEBSEARCH: 'true' };
  const { openaiToken, noWebsearch } = good({ file: '[runner]\nopenai_token = "sk-file"\n', env }).runner;
  assert.deepEqual([openaiToken, noWebsearch], ['sk-env', true]);
});
