import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../config/parse.ts';
import { modelPolicy } from './model-policy.ts';

const { config } = parseConfig({
  file: '[limits]\nmodel_hosts = ["own.example:8443", "http://10.0.0.5:11434"]\n[limits.prices.m]\ninput = 1\noutput = 2',
  env: {},
  flags: new Map(),
});
const variables = [
  ['OPENAI_BASE_URL', 'https://proxy.example/v1'],
  ['ANTHROPIC_BASE_URL', 'http://plain.example:4000'],
  ['OTHER', 'https://x.example'],
] as const;
const show = (hosts: readonly { host: string; port: number }[] = []) =>
  hosts.map(({ host, port }) => `${host}:${port}`);

test('with a limit, known hosts of models and those that are named are counted, without a credential', () => {
  const models = modelPolicy({ config, limits: { max_tokens: 7 }, variables, others: [] });
  const hosts = show(models?.policy.hosts);
  for (const host of ['api.anthropic.com:443', 'api.openai.com:443', 'generativelanguage.googleapis.com:443'])
    assert.ok(hosts.includes(host), host);
  const named = ['proxy.example:443', 'plain.example:4000', 'own.example:8443', '10.0.0.5:11434'];
  assert.deepEqual(hosts.slice(-4), named);
  assert.ok(!hosts.some((host) => host.startsWith('x.example')));
  const intercepted = show(models?.intercepted);
  assert.deepEqual(intercepted.slice(-2), ['proxy.example:443', 'own.example:8443']);
  assert.deepEqual([models?.policy.maxTokens, models?.policy.maxCost], [7, undefined]);
  assert.equal(models?.policy.prices['m']?.output, 2);
});

test('without a limit, only what is intercepted anyway is counted', () => {
  const none = { config, limits: { max_duration: 1 }, variables };
  assert.equal(modelPolicy({ ...none, others: [{ host: 'github.com', port: 443 }] }), undefined);
  const others = [
    { host: 'api.openai.com', port: 443 },
    { host: 'github.com', port: 443 },
  ];
  assert.deepEqual(show(modelPolicy({ ...none, others })?.policy.hosts), ['api.openai.com:443']);
});
