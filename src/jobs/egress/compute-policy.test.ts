import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../config/parse.ts';
import { decide, refuseAddress } from '../../gateway/decide.ts';
import { parseTarget } from '../../gateway/host-name.ts';
import { parseAddress } from '../../gateway/ip-address.ts';
import { UserError } from '../../lib/errors.ts';
import { computePolicy } from './compute-policy.ts';

interface Case {
  variables?: unknown;
  /** TOML of the configuration. */
  file?: string;
  hosts?: unknown;
  server?: string;
  github?: string;
  requestedGithub?: string;
  env?: NodeJS.ProcessEnv;
}

function compute({ file = '', hosts, variables, server, github, requestedGithub, env = {} }: Case) {
  const { config, problems } = parseConfig({ file, env: {}, flags: new Map() });
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error').map(({ message }) => message),
    [],
  );
  const url = github ?? requestedGithub;
  return computePolicy({
    jobId: 'job',
    config,
    allowedHosts: hosts,
    variables,
    serverUrl: new URL(server ?? config.runner.url),
    github: url === undefined ? undefined : { url: new URL(url), isConfigured: github !== undefined },
    env,
  });
}

const policyOf = (input: Case) => compute(input).policy ?? assert.fail('no wall');
const rulesOf = (input: Case) =>
  policyOf(input).rules.map(
    ({ host, ports, mayBePrivate }) => `${host} ${ports.join()}${mayBePrivate ? ' private' : ''}`,
  );

test('the mode says which jobs have a wall', () => {
  const mode = (file: string, hosts?: unknown) => compute({ file: `[egress]\n${file}`, hosts }).policy?.mode;
  assert.equal(mode(''), undefined);
  assert.equal(mode('', null), undefined);
  assert.equal(mode('', []), undefined);
  assert.equal(mode('', ['a.example']), 'enforce');
  assert.equal(mode('otherwise = "deny"'), 'enforce');
  assert.equal(mode('mode = "enforce"'), 'enforce');
  assert.equal(mode('mode = "observe"'), 'observe');
  assert.equal(mode('mode = "observe"', ['a.example']), 'observe');
  assert.equal(mode('mode = "off"', ['a.example']), undefined);
  assert.match(compute({ file: '[egress]\nmode = "off"', hosts: ['a'] }).notes[0] ?? '', /is not enforced/);
});

test('jobs without named hosts may have a wall that allows every public host', () => {
  const policy = policyOf({ file: '[egress]\notherwise = "public"' });
  assert.deepEqual(
    policy.rules.map(({ host, mayBePrivate, source }) => [host, mayBePrivate, source]),
    [['*', false, '"*" in egress.otherwise']],
  );
  assert.deepEqual(rulesOf({ file: '[egress]\notherwise = "public"', hosts: ['a.example'] }), ['a.example 443,80']);
  assert.deepEqual(rulesOf({ file: '[egress]\notherwise = "public"\nallowed = ["b.example"]' }), [
    'b.example 443,80 private',
  ]);
});

test('environments that are trusted may name private hosts, but only exactly', () => {
  const file = '[egress]\nprivate_hosts = "named"';
  const hosts = ['git.corp.example', '*.corp.example', 'npm', '*'];
  const variables = [
    { Name: 'OPENAI_BASE_URL', Value: 'https://models.corp.example/v1' },
    { Name: 'ANTHROPIC_BASE_URL', Value: 'http://10.0.0.9:8080' },
    { Name: 'ANTHROPIC_API_KEY', Value: 'x' },
  ];
  const policy = policyOf({ file, hosts, variables });
  assert.deepEqual(
    policy.rules.filter(({ mayBePrivate }) => mayBePrivate).map(({ host }) => host),
    ['git.corp.example', 'models.corp.example'],
  );
  assert.deepEqual(
    policy.addresses.map(({ cidr, ports }) => [cidr, ports]),
    [['10.0.0.9/32', [8080]]],
  );
  assert.deepEqual(policyOf({ hosts, variables }).addresses, []);
  assert.throws(() => compute({ file, hosts: ['10.0.0.9'] }), /is an address/);
});

test('the hosts of the environment are limited by the configuration', () => {
  const rules = (allowed: string | undefined, ...hosts: string[]) =>
    rulesOf({ file: allowed === undefined ? '' : `[egress]\nallowed = ${allowed}`, hosts });
  assert.deepEqual(rules(undefined, 'A.example.', '*.b.example:8443'), ['a.example 443,80', '*.b.example 8443']);
  assert.deepEqual(rules('["*.example"]', 'a.example', '*.b.example', '*'), [
    'a.example 443,80',
    '*.b.example 443,80',
    '*.example 443,80',
  ]);
  assert.deepEqual(rules('["a.example"]', 'a.example', 'c.example', '*.example'), [
    'a.example 443,80 private',
    'a.example 443,80 private',
  ]);
  assert.deepEqual(rules('["a.example:443"]', 'a.example', 'a.example:80'), ['a.example 443 private']);
  assert.deepEqual(rules('[]', 'a.example'), []);
  assert.deepEqual(rules('["npm"]', '*.npmjs.org'), ['registry.npmjs.org 443,80 private']);
  assert.deepEqual(rules(undefined, 'pypi'), ['pypi.org 443,80', 'files.pythonhosted.org 443,80']);
  const { notes } = compute({ file: '[egress]\nallowed = ["a.example"]', hosts: ['b.example', 'a.example'] });
  assert.deepEqual(notes, ['egress.allowed of the runner excludes "b.example" of AllowedHosts.']);
});

test('addresses come from the configuration only, and entries for every job are added', () => {
  const file =
    '[egress]\nallowed = ["10.0.0.0/8", "a.example"]\nalways = ["api.example:8443", "192.168.1.1", "*.c.example"]';
  const policy = policyOf({ file, hosts: ['a.example'] });
  assert.deepEqual(
    policy.addresses.map(({ cidr, ports }) => `${cidr} ${ports.join()}`),
    ['10.0.0.0/8 443,80', '192.168.1.1/32 443,80'],
  );
  assert.deepEqual(rulesOf({ file, hosts: ['a.example'] }), [
    'a.example 443,80 private',
    'api.example 8443 private',
    '*.c.example 443,80',
  ]);
  assert.deepEqual(policy.limit?.hosts, [{ host: 'a.example', ports: [443, 80] }]);
});

/** The remedy of a refusal, for a host and for the address that its name has. */
function remedyFor(given: Parameters<typeof policyOf>[0], host: string, address?: string): string {
  const policy = policyOf(given);
  const target = parseTarget(host, 443) ?? assert.fail(host);
  const decision = decide(policy, target);
  if (decision.refusal !== undefined) return decision.refusal.remedy;
  const parsed = parseAddress(address ?? '') ?? assert.fail(address);
  return refuseAddress(policy, decision.permission, parsed, target.port)?.remedy ?? 'allowed';
}

test('a remedy that is followed allows the host, and takes nothing else away', () => {
  const allowed = (...texts: string[]) => `[egress]\nallowed = ${JSON.stringify(texts)}`;
  const hosts = ['*.corp.example', 'a.example'];
  const at = 'git.corp.example';
  // Without a limit, an entry in egress.allowed alone would exclude all other hosts.
  assert.match(
    remedyFor({ hosts }, 'b.example'),
    /add "b\.example" to AllowedHosts of the environment, or to egress\.always/,
  );
  assert.match(
    remedyFor({ hosts }, at, '10.0.0.1'),
    /set egress\.allowed = \["\*", "git\.corp\.example"\] of the runner/,
  );
  assert.match(remedyFor({ hosts }, at, '100.64.0.1'), /set egress\.allowed = \["\*", "100\.64\.0\.1"\] of the runner/);
  for (const [file, address] of [
    [allowed('*', at), '10.0.0.1'],
    [allowed('*', '100.64.0.1'), '100.64.0.1'],
    [`[egress]\nalways = ["${at}"]`, '10.0.0.1'],
  ] as const) {
    assert.equal(remedyFor({ file, hosts }, at, address), 'allowed', file);
    assert.equal(remedyFor({ file, hosts }, 'a.example', '10.0.0.1') === 'allowed', false, file);
    assert.equal(remedyFor({ file, hosts }, 'a.example', '8.8.8.8'), 'allowed', file);
  }
  // With one, what is outside of it needs both.
  const file = allowed('npm', '*.corp.example');
  assert.match(
    remedyFor({ file, hosts }, 'b.example'),
    /AllowedHosts of the environment and to egress\.allowed of the runner, or/,
  );
  assert.match(
    remedyFor({ file, hosts }, 'registry.npmjs.org'),
    /AllowedHosts of the environment, or to egress\.always/,
  );
  assert.match(
    remedyFor({ file, hosts }, 'registry.npmjs.org:8443'),
    /"registry\.npmjs\.org:8443" to .* and to egress\.allowed/,
  );
  assert.match(remedyFor({ file, hosts }, at, '10.0.0.1'), /add "git\.corp\.example" to egress\.allowed of the runner/);
  assert.match(remedyFor({ file, hosts }, at, '127.0.0.1'), /add "127\.0\.0\.1" to egress\.allowed of the runner/);
  // Other settings have their own.
  const always = '[egress]\nalways = ["*.corp.example"]';
  assert.match(
    remedyFor({ file: always, hosts: ['x.example'] }, at, '10.0.0.1'),
    /add "git\.corp\.example" to egress\.always/,
  );
  const observe = '[egress]\nmode = "observe"';
  assert.match(
    remedyFor({ file: observe }, at, '10.0.0.1'),
    /add "git\.corp\.example" to AllowedHosts of the environment, and set egress\.allowed = \["\*", "git/,
  );
});

test('hosts that are not understood refuse the job, by name', () => {
  const cases: [unknown, RegExp][] = [
    ['a.example', /it is not a list of texts/],
    [{ 0: 'a.example' }, /it is not a list of texts/],
    [['a.example', 7], /it is not a list of texts/],
    [['a.example', 'https://b.example/'], /"https:\/\/b\.example\/" is a URL; write "b\.example"/],
    [['10.0.0.1'], /"10\.0\.0\.1" is an address, which only egress\.always of the runner may name/],
    [['10.0.0.0/8'], /is an address/],
    [['0x7f.1'], /"0x7f\.1" is an address, which only egress\.always/],
    [['pipy'], /"pipy" is not a preset; write "pypi"/],
    [['a*.example'], /has a \*/],
    [[''], /is empty/],
    [Array.from({ length: 1001 }, () => 'a.example'), /more than 1000 entries/],
  ];
  for (const [hosts, message] of cases) {
    for (const mode of ['auto', 'enforce', 'observe'])
      assert.throws(
        () => compute({ file: `[egress]\nmode = "${mode}"`, hosts }),
        (error) => error instanceof UserError && message.test(error.message) && error.remedy !== undefined,
      );
  }
});

test('the server is reached where the configuration says, and a token opens nothing else', () => {
  const server = (url: string, issuer = url) =>
    policyOf({ file: `[runner]\nurl = "${url}"\n[egress]\nmode = "enforce"`, server: issuer }).server;
  assert.deepEqual(server('https://api.example'), { host: 'api.example', port: 443, mayBeAnywhere: true });
  assert.deepEqual(server('http://127.0.0.1:7042'), {
    host: 'plan42.internal',
    port: 7042,
    connectTo: '127.0.0.1',
    mayBeAnywhere: true,
  });
  assert.deepEqual(server('http://[::1]:7042'), {
    host: 'plan42.internal',
    port: 7042,
    connectTo: '::1',
    mayBeAnywhere: true,
  });
  assert.deepEqual(server('http://localhost:7042', 'http://127.0.0.1:7042')?.connectTo, '127.0.0.1');
  // A token names another server.
  assert.deepEqual(server('https://api.example', 'http://169.254.169.254'), {
    host: '169.254.169.254',
    port: 80,
    mayBeAnywhere: false,
  });
  assert.deepEqual(server('https://api.example', 'http://127.0.0.1:2375'), {
    host: '127.0.0.1',
    port: 2375,
    mayBeAnywhere: false,
  });
  assert.deepEqual(server('http://127.0.0.1:7042', 'http://127.0.0.1:2375'), {
    host: '127.0.0.1',
    port: 2375,
    mayBeAnywhere: false,
  });
  assert.equal(server('https://api.example', 'https://api.example:8443')?.mayBeAnywhere, false);
});

test('the GitHub of the job is always reached', () => {
  const file = '[egress]\nmode = "enforce"';
  const rules = rulesOf({ file, github: 'https://github.com' });
  for (const host of ['github.com', 'api.github.com', 'uploads.github.com', 'codeload.github.com'])
    assert.ok(rules.includes(`${host} 443,80`), host);
  const enterprise = rulesOf({ file, github: 'https://git.corp.example' });
  assert.ok(enterprise.includes('git.corp.example 443,80 private'));
  assert.ok(enterprise.includes('uploads.git.corp.example 443,80 private'));
  assert.deepEqual(
    policyOf({ file, github: 'https://10.0.0.7:8443' }).addresses.map(({ cidr, ports }) => [cidr, ports]),
    [['10.0.0.7/32', [8443]]],
  );
  // A request must not open the private network.
  assert.ok(rulesOf({ file, requestedGithub: 'https://git.corp.example' }).includes('git.corp.example 443,80'));
  assert.deepEqual(policyOf({ file, requestedGithub: 'http://169.254.169.254' }).addresses, []);
});

test('the models that jobs have keys for are reached', () => {
  const file =
    '[jobs]\nenv = ["ANTHROPIC_API_KEY", "OPENAI_BASE_URL=http://10.0.0.9:11434/v1", "OTHER=https://b.example"]\n[egress]\nmode = "enforce"';
  const policy = policyOf({ file, env: { ANTHROPIC_API_KEY: 'x' } });
  assert.deepEqual(
    policy.rules.map(({ host }) => host),
    ['api.anthropic.com'],
  );
  assert.deepEqual(
    policy.addresses.map(({ cidr, ports }) => [cidr, ports]),
    [['10.0.0.9/32', [11434]]],
  );
});

test('the proxy of the runner is in front, and one that is not understood refuses the job without its password', () => {
  const file = '[egress]\nmode = "enforce"';
  const proxy = (env: NodeJS.ProcessEnv, more = '') => policyOf({ file: `${file}\n${more}`, env }).proxy;
  assert.equal(proxy({}), undefined);
  assert.deepEqual(proxy({ HTTPS_PROXY: 'http://u:p@proxy.example:3128', NO_PROXY: '10.0.0.0/8, .corp.example' }), {
    url: 'http://u:p@proxy.example:3128',
    direct: ['10.0.0.0/8', '.corp.example'],
  });
  assert.equal(proxy({ https_proxy: 'a.example:1', HTTPS_PROXY: 'b.example:1' })?.url, 'http://a.example:1');
  assert.equal(proxy({ HTTPS_PROXY: 'http://a.example' }, 'proxy = "https://c.example"')?.url, 'https://c.example');
  assert.equal(proxy({ HTTPS_PROXY: 'http://a.example' }, 'proxy = ""'), undefined);
  assert.throws(
    () => proxy({ ALL_PROXY: 'socks5://user:hunter2@a.example' }),
    (error) => error instanceof UserError && !/hunter2/.test(error.message) && /ALL_PROXY/.test(error.message),
  );
});

test('the models that the environment has variables for are reached, within the limits of the configuration', () => {
  const variables = [
    { Name: 'ANTHROPIC_API_KEY', Value: 'secret', IsSecret: true },
    { Name: 'OPENAI_BASE_URL', Value: 'https://models.example:8443/v1' },
    { Name: 'GEMINI_BASE_URL', Value: 'http://10.0.0.9' },
    { Name: 'OTHER_URL', Value: 'https://other.example' },
    { Name: 'OPENAI_API_KEY' },
    'x',
  ];
  const open = policyOf({ hosts: ['a.example'], variables });
  assert.deepEqual(
    open.rules.map(({ host, ports, source }) => [host, ports.join(), source]),
    [
      ['a.example', '443,80', '"a.example" in AllowedHosts'],
      ['api.anthropic.com', '443,80', '"ANTHROPIC_API_KEY" in EnvVars'],
      ['models.example', '8443', '"OPENAI_BASE_URL" in EnvVars'],
    ],
  );
  assert.deepEqual([open.addresses, open.rules.some(({ mayBePrivate }) => mayBePrivate)], [[], false]);
  assert.doesNotMatch(JSON.stringify(open), /secret/);
  const limited = '[egress]\nallowed = ["a.example", "anthropic"]';
  assert.deepEqual(
    rulesOf({ file: limited, hosts: ['a.example'], variables }).map((rule) => rule.split(' ')[0]),
    ['a.example', 'api.anthropic.com'],
  );
  // A key alone limits nothing.
  assert.equal(compute({ variables }).policy, undefined);
});
