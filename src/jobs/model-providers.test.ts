import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig } from '../config/parse.ts';
import { buildAgentInput } from './agent-input.ts';
import { collectSecrets } from './credentials/collect.ts';
import { computePolicy } from './egress/compute-policy.ts';
import { agentSwitches, currentModelKey, modelFields, modelHosts, modelKeys } from './model-providers.ts';

function configOf(file: string) {
  const { config, problems } = parseConfig({ file, env: {}, flags: new Map() });
  assert.deepEqual(problems, []);
  return config;
}

const mappings = { 'GPT-5.1 Codex': { Provider: 'openai', Model: 'own-codex', ExtendedContext: true } };
const mappingTable = '[runner.model_mappings."GPT-5.1 Codex"]\nprovider = "openai"\nmodel = "own-codex"\n';

/** Each row: the field of the message, the setting, its value in both. */
const rows = [
  ['OpenAIEndpoint', 'openai_endpoint = "https://own.example/v1"\n', 'https://own.example/v1'],
  ['OpenAIToken', 'openai_token = "sk-own-token"\n', 'sk-own-token'],
  ['ClaudeEndpoint', 'claude_endpoint = "https://own.example"\n', 'https://own.example'],
  ['ClaudeToken', 'claude_token = "sk-ant-own"\n', 'sk-ant-own'],
  ['ModelMappings', `${mappingTable}extended_context = true\n`, mappings],
] as const;

describe('the models in the request of an agent', () => {
  for (const [field, setting, value] of rows) {
    const input = (request: object, file: string) =>
      JSON.parse(buildAgentInput(JSON.stringify(request), { models: modelFields(configOf(file)) })) as object;

    test(`${field}: the configuration replaces that of the message, in any capitals`, () => {
      const file = `[runner]\n${setting}`;
      assert.deepEqual(input({}, file), { [field]: value });
      for (const name of [field, field.toLowerCase(), field.toUpperCase()]) {
        for (const given of ['theirs', null, { theirs: { Provider: 'x', Model: 'y' } }]) {
          assert.deepEqual(input({ [name]: given, Other: 1 }, file), { [field]: value, Other: 1 });
        }
      }
      const both = { [field]: 1, [field.toLowerCase()]: 2 };
      assert.deepEqual(input(both, file), { [field]: value });
    });

    test(`${field}: what the configuration does not set stays as it came`, () => {
      for (const file of [
        '',
        '[runner]\n',
        '[runner]\nopenai_endpoint = ""\nclaude_endpoint = ""\n[runner.model_mappings]\n',
      ]) {
        for (const request of [{}, { [field]: 'theirs' }, { [field]: null }, { [field.toLowerCase()]: 'theirs' }]) {
          assert.deepEqual(input(request, file), request);
        }
      }
    });
  }

  test('an empty token is not set', () => {
    assert.deepEqual(modelFields(configOf('[runner]\nopenai_token = ""\nclaude_token = ""\n')), {});
  });

  test('a mapping without extended context leaves it out', () => {
    assert.deepEqual(modelFields(configOf(mappingTable)), {
      ModelMappings: { 'GPT-5.1 Codex': { Provider: 'openai', Model: 'own-codex' } },
    });
    const names = '[runner.model_mappings."constructor"]\nprovider = "a"\nmodel = "b"\n';
    assert.equal(
      JSON.stringify(modelFields(configOf(names))),
      '{"ModelMappings":{"constructor":{"Provider":"a","Model":"b"}}}',
    );
  });
});

test('switches of the agent are in order, and absent unless they are on', () => {
  const of = (lines: string) => agentSwitches(configOf(`[runner]\n${lines}`));
  assert.deepEqual(of(''), []);
  assert.deepEqual(of('no_websearch = false\nno_cache_ttl = false\n'), []);
  assert.deepEqual(of('no_websearch = true\n'), ['--no-websearch']);
  assert.deepEqual(of('no_cache_ttl = true\n'), ['--no-cache-ttl']);
  assert.deepEqual(of('no_cache_ttl = true\nno_websearch = true\n'), ['--no-websearch', '--no-cache-ttl']);
});

describe('behind the wall', () => {
  const own = configOf(`[runner]
openai_endpoint = "https://own.example:8443/v1"
openai_token = "sk-own-token"
claude_token = "sk-ant-own-token"
`);
  const theirs = {
    openAIEndpoint: 'https://theirs.example/v1',
    OpenAIToken: 'sk-their-token',
    ClaudeEndpoint: 'https://claude.theirs.example',
    ClaudeToken: 'sk-ant-their-token',
  };
  const hosts = (found: { urls: URL[] }[]) => found.flatMap(({ urls }) => urls.map(({ host }) => host));

  test('keys of the configuration are for its hosts only, whatever a message names', () => {
    for (const request of [{}, theirs]) {
      const keys = modelKeys(own, request);
      assert.deepEqual(
        keys.map(({ name, value }) => [name, value]),
        [
          ['runner.openai_token', 'sk-own-token'],
          ['runner.claude_token', 'sk-ant-own-token'],
        ],
      );
      assert.deepEqual(hosts(keys), ['own.example:8443', 'api.anthropic.com']);
    }
    assert.equal(currentModelKey('runner.claude_token', own), 'sk-ant-own-token');
    assert.equal(currentModelKey('runner.claude_token', configOf('')), undefined);
  });

  test('keys of a message are for the hosts that it names, else the public API', () => {
    const none = configOf('');
    assert.deepEqual(hosts(modelKeys(none, theirs)), ['theirs.example', 'claude.theirs.example']);
    assert.deepEqual(hosts(modelKeys(none, { OpenAIToken: 'sk-their-token' })), ['api.openai.com']);
    assert.deepEqual(modelKeys(none, {}), []);
    const endpointOnly = configOf('[runner]\nopenai_endpoint = "https://own.example"\n');
    assert.deepEqual(hosts(modelKeys(endpointOnly, theirs)), ['own.example', 'claude.theirs.example']);
  });

  test('are secrets of the job, unless they are too short to be one', () => {
    const secrets = (lines: string, request = {}) =>
      collectSecrets({ config: configOf(`[runner]\n${lines}`), connection: undefined, request, env: {} });
    assert.deepEqual(secrets('claude_token = "sk-ant-own-token"\nclaude_endpoint = "http://gpu.corp:8080"\n'), [
      {
        name: 'runner.claude_token',
        value: 'sk-ant-own-token',
        targets: [{ host: 'gpu.corp', port: 8080, isPlain: true }],
      },
    ]);
    assert.deepEqual(secrets('openai_token = "none"\n'), []);
    assert.deepEqual(
      secrets('', theirs).map(({ name }) => name),
      ['OpenAIToken', 'ClaudeToken'],
    );
  });

  test('their hosts are reachable; those of a message within egress.allowed', () => {
    const rules = (lines: string, request: Record<string, unknown>) => {
      const config = configOf(`[egress]\nmode = "enforce"\n${lines}`);
      const { policy } = computePolicy({
        jobId: 'plan42-test-1',
        config,
        allowedHosts: [],
        models: modelHosts(config, request),
        serverUrl: new URL('https://server.example'),
        github: undefined,
        env: {},
      });
      return policy?.rules.map(({ host, ports, source, mayBePrivate }) => [host, ports, source, mayBePrivate]);
    };
    const runner = '[runner]\nopenai_endpoint = "https://own.example:8443/v1"\nclaude_token = "sk-ant-own-token"\n';
    const ofConfig = [
      ['own.example', [8443], '"own.example:8443" in runner.openai_endpoint', true],
      ['api.anthropic.com', [443], '"api.anthropic.com:443" in runner.claude_token', true],
    ];
    assert.deepEqual(rules(runner, {}), ofConfig);
    assert.deepEqual(rules(`allowed = ["x.example"]\n${runner}`, {}), ofConfig);
    assert.deepEqual(rules(runner, { OpenAIEndpoint: 'https://theirs.example' }), ofConfig);
    assert.deepEqual(rules('', { ClaudeEndpoint: 'https://theirs.example', OpenAIToken: 'sk-their-token' }), [
      ['api.openai.com', [443], '"api.openai.com:443" in OpenAIToken', false],
      ['theirs.example', [443], '"theirs.example:443" in ClaudeEndpoint', false],
    ]);
    assert.deepEqual(rules('allowed = ["x.example"]\n', { ClaudeEndpoint: 'https://theirs.example' }), []);
    assert.deepEqual(rules('', { ClaudeEndpoint: 'no URL', OpenAIEndpoint: 5 }), []);
  });
});
