import assert from 'node:assert/strict';
import { parseConfig } from '../../src/config/parse.ts';
import { collectSecrets } from '../../src/jobs/credentials/collect.ts';
import { makePlaceholder } from '../../src/jobs/credentials/placeholder.ts';
import { hostsOfModelKey, modelUrls } from '../../src/jobs/egress/model-entries.ts';
import { modelHosts, modelKeys } from '../../src/jobs/model-providers.ts';
import { UserError } from '../../src/lib/errors.ts';
import type { Target } from '../target.ts';

const { config } = parseConfig({
  file: '[jobs]\nenv = ["OPENAI_API_KEY=sk-0123456789"]\n[credentials.a]\nvariable = "A"\nhosts = ["a.example"]\n',
  env: {},
  flags: new Map(),
});

export const targets: readonly Target[] = [
  {
    covers: [
      'jobs/credentials/collect.ts#collectSecrets',
      'jobs/model-providers.ts#modelHosts',
      'jobs/model-providers.ts#modelKeys',
    ],
    corpus: [
      '{"OpenAIEndpoint":"https://[::1]:8443/v1","openaitoken":"sk-0123456789","ClaudeToken":"sk-ant-0123456789","ClaudeEndpoint":"x"}',
      '{"GithubToken":"ghp_0123456789","GithubURL":"https://git.example:8443","Environment":{"EnvVars":[]}}',
      '{"Environment":{"EnvVars":[{"Name":"A","Value":"secret-value","IsSecret":true},{"Name":"GH_TOKEN","Value":"0123456789","IsSecret":true}]}}',
      '{"Environment":{"EnvVars":[{"Name":"OPENAI_BASE_URL","Value":"http://[::1]:1","IsSecret":false},null,3]}}',
    ],
    input: 'value',
    run: (request: unknown) => {
      const fields = typeof request === 'object' && request !== null ? (request as Record<string, unknown>) : {};
      for (const { urls } of [...modelHosts(config, fields), ...modelKeys(config, fields)])
        for (const { protocol, hostname } of urls) assert.ok(/^https?:$/.test(protocol) && hostname !== '');
      return collectSecrets({ config, connection: undefined, request: fields, env: {} });
    },
    errors: [UserError],
    maxGrowth: 1000,
    check: (secrets: ReturnType<typeof collectSecrets>) => {
      for (const { value, targets } of secrets) {
        assert.match(value, /^[\x20-\x7e]{8,}$/);
        for (const { host, port } of targets)
          assert.ok(host !== '' && !host.includes('*') && port > 0 && port < 65_536);
      }
    },
  },
  {
    covers: [
      'jobs/credentials/placeholder.ts#makePlaceholder',
      'jobs/egress/model-entries.ts#hostsOfModelKey',
      'jobs/egress/model-entries.ts#modelUrls',
    ],
    corpus: ['ghp_0123456789', 'sk-ant-api03-a_b-c.d', 'https://a.example/v1', 'AZURE_OPENAI_API_KEY'],
    run: (text: string) => {
      const hosts = hostsOfModelKey('OPENAI_API_KEY', new Map([['OPENAI_BASE_URL', text]]));
      return {
        placeholder: makePlaceholder(text),
        hosts,
        others: hostsOfModelKey(text, new Map()),
        models: modelUrls([['OPENAI_BASE_URL', text]]).length,
      };
    },
    maxKiB: 64,
    passes: 4,
    maxGrowth: 1000,
    check: ({ placeholder }: { placeholder: string }) => {
      // So that it needs no encoding in a header, a query or JSON.
      assert.match(placeholder, /^[\w.-]{20,}$/);
    },
  },
];
