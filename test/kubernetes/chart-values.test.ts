/** Values that the chart refuses: each with a sentence that names the value, and never a secret. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { environmentVariable, type Field, tables } from '../../src/config/schema.ts';
import { parseYaml } from '../../src/runtimes/kubernetes/api/kubeconfig.ts';
import type { Json } from '../support/json.ts';
import { chart, render, requiresHelm } from '../support/kubernetes/helm.ts';

const image = { repository: 'registry.example.com/team/plan42-runner', tag: '1.2.3' };
/** An error of Go or of the templates, which names no value. */
const noSentence = /nil pointer|error calling|executing "|can't evaluate|wrong type|unmarshal|panic|invalid value;/;

/** Values over the image. The image itself counts as a whole. */
const renderWith = (values: Json) => render('team-a', { image, ...values });
const errorOf = (values: Json) =>
  renderWith(values).then(
    () => undefined,
    // The message has the command line too.
    (error: unknown) => (error as { stderr: string }).stderr,
  );

/** The paths of all values, of tables too. */
function pathsIn(value: Json, path: readonly string[] = []): string[][] {
  const isTable = typeof value === 'object' && value !== null && !Array.isArray(value);
  const below = isTable ? Object.entries(value).flatMap(([key, item]) => pathsIn(item, [...path, key])) : [];
  return path.length === 0 ? below : [[...path], ...below];
}

function at(value: Json, path: readonly string[]): Json {
  return path.reduce((found: Json, key) => found[key], value);
}

function nest(path: readonly string[], value: Json): Json {
  return path.reduceRight((nested: Json, key) => ({ [key]: nested }), value);
}

/** For `--set-json`, which replaces what it names and leaves the rest. */
const setting = (path: readonly string[], value: Json) => ({ [path.join('.')]: value });

const secretSettings = Object.entries<Record<string, Field<unknown>>>(tables).flatMap(([table, fields]) =>
  Object.values(fields)
    .filter((field) => field.secret)
    .map(({ key }) => [table, key] as const),
);

suite('values of the chart', { concurrency: 2 }, () => {
  test('null, or a value of another type, is refused by name wherever it cannot be used', async (t) => {
    if (!(await requiresHelm(t))) return;
    const defaults = (await parseYaml(await readFile(join(chart, 'values.yaml'), 'utf8'))) as Json;
    const paths = pathsIn(defaults);
    assert.ok(paths.length > 50);
    const isRefused = async (path: readonly string[], value: Json) => {
      const what = `${path.join('.')} = ${JSON.stringify(value)}`;
      const error = await errorOf(setting(path, value));
      // Without a value, it is as if it was not set. The manifests have been read.
      if (error === undefined) return value === null ? '' : `${what}: accepted`;
      if (noSentence.test(error) || !error.includes(path.at(-1) ?? '')) return `${what}: ${error}`;
      return '';
    };
    const found: string[] = [];
    for (const path of paths) {
      const wrong = typeof at(defaults, path) === 'object' ? 'text' : { x: 1 };
      found.push(...(await Promise.all([isRefused(path, null), isRefused(path, wrong)])));
    }
    assert.deepEqual(
      found.filter((text) => text !== ''),
      [],
    );
  });

  for (const [values, expected] of [
    [{ config: null }, /missing property 'config'/],
    [{ config: { jobs: null, log: null } }, /config\/log.*null/],
    [{ config: { jobs: { max_jobs: '20' } } }, /config\/jobs\/max_jobs/],
    [{ config: { job: {} } }, /config'.*'job' not allowed/],
    [{ config: { jobs: { max_job: 1 } } }, /config\/jobs'.*'max_job' not allowed/],
    [{ podTemplate: { spec: null } }, /podTemplate\/spec/],
    [{ podTemplate: { spec: { containers: 'none' } } }, undefined],
    [{ imagePullSecrets: [null] }, /imagePullSecrets\/0/],
    [{ extraEnv: [null] }, /extraEnv\/0/],
    [{ extraEnv: [{ name: null, value: 'x' }] }, /extraEnv\/0\/name/],
    [{ extraVolumes: [null] }, /extraVolumes\/0/],
    [{ tolerations: [null] }, /tolerations\/0/],
    [{ image: { ...image, repository: '' } }, /image\.repository is required/],
    [{ image: { repository: 'registry.example.com/runner:1' } }, /repository.*pattern/s],
    [{ server: { url: 'plan42.example.com' } }, /server\/url/],
    [{ terminationGracePeriodSeconds: 30 }, /terminationGracePeriodSeconds.*60/s],
    [{ podMonitor: { enabled: true, interval: '30' } }, /podMonitor\/interval/],
    [{ replicaCount: 2 }, /replicaCount.* not allowed/],
    [{ health: { port: 80 } }, /health\/port.*1,024/],
    [{ config: { runner: { url: 'https://a.test' } } }, /config\.runner\.url: set server\.url/],
    [{ config: { kubernetes: { helper_image: 'a' } } }, /config\.kubernetes\.helper_image: remove it/],
    [{ replicas: -1 }, /replicas.*minimum/],
    [{ replicas: 0 }, undefined],
    [{ extraEnv: [{ name: 'PLAN42_RUNNER_URL', value: 'https://a.test' }] }, /PLAN42_RUNNER_URL.*: set server\.url/],
    [
      { extraEnv: [{ name: 'PLAN42_KUBERNETES_POD_TEMPLATE', value: '/a' }] },
      /PLAN42_KUBERNETES_POD_TEMPLATE in extraEnv: set podTemplate/,
    ],
    [
      { extraEnv: [{ name: 'PLAN42_RUNNER_TOKEN', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }] },
      /PLAN42_RUNNER_TOKEN in extraEnv: .*secret\.name/,
    ],
    [
      { extraEnv: [{ name: 'PLAN42_RUNNER_OPENAI_TOKEN', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }] },
      undefined,
    ],
    [{ config: { jobs: { mounts: ['/a'] } } }, /config\.jobs\.mounts: add volumes to podTemplate/],
  ] as const) {
    test(`${expected ? 'refuses' : 'accepts'} ${JSON.stringify(values)}`, async (t) => {
      if (!(await requiresHelm(t))) return;
      const error = await errorOf(values);
      if (expected === undefined) assert.equal(error, undefined);
      else assert.match(error ?? '', expected);
    });
  }

  test('secrets are refused in every place, with the way to give them, and are not shown', async (t) => {
    if (!(await requiresHelm(t))) return;
    const secret = 'S3cretOfTest';
    const url = `http://user:${secret}@proxy.example.com:3128`;
    const ofSettings = secretSettings.map(([table, key]): [Json, RegExp] => {
      const value = { env: [`KEY=${secret}`], proxy: url }[key] ?? secret;
      return [
        { config: { [table]: { [key]: value } } },
        new RegExp(`config\\.${table}\\.${key}.*(Secret|secretKeyRef)`),
      ];
    });
    const ofVariables = secretSettings.map(([table, key]): [Json, RegExp] => {
      const name = environmentVariable(table, key);
      const value = { env: `KEY=${secret}`, proxy: url }[key] ?? secret;
      return [{ extraEnv: [{ name, value }] }, new RegExp(`${name}.*extraEnv\\[0\\]\\.valueFrom\\.secretKeyRef`)];
    });
    const env = [{ name: 'NPM_TOKEN', value: secret }];
    const cases: [Json, RegExp][] = [
      ...ofSettings,
      ...ofVariables,
      [{ config: { github: { my: { token: secret } } } }, /config\.github: .*configSecret/],
      [
        { config: { runner: { openai_endpoint: url } } },
        /config\.runner\.openai_endpoint: .*PLAN42_RUNNER_OPENAI_ENDPOINT in extraEnv/,
      ],
      [{ config: { runner: { claude_endpoint: `https://a.test/?key=${secret}` } } }, /claude_endpoint.*secretKeyRef/],
      [
        { config: { egress: { always: [`https://${secret}@a.test`] } } },
        /config\.egress\.always\[0\].*PLAN42_EGRESS_ALWAYS/,
      ],
      [{ config: { limits: { model_hosts: [`https://${secret}@a.test`] } } }, /model_hosts\[0\].*secretKeyRef/],
      [{ server: { url: `https://${secret}@plan42.example.com` } }, /server\.url.*credentials/],
      [{ extraEnv: [{ name: 'HTTPS_PROXY', value: url }] }, /HTTPS_PROXY.*secretKeyRef/],
      [{ extraEnv: env }, /NPM_TOKEN.*secretKeyRef/],
      [{ podTemplate: { spec: { containers: [{ name: 'agent', env }] } } }, /podTemplate\.spec\.containers\[0\]\.env/],
      [{ podTemplate: { spec: { initContainers: [{ name: 'one', env }] } } }, /initContainers\[0\]\.env/],
    ];
    for (const [values, expected] of cases) {
      const error = await errorOf(values);
      assert.match(error ?? '', expected, JSON.stringify(values));
      assert.ok(!error?.includes(secret), error ?? '');
    }
  });

  test('variables from Secrets, proxies without credentials and names of variables are accepted', async (t) => {
    if (!(await requiresHelm(t))) return;
    const secretKeyRef = { name: 'keys', key: 'openai' };
    await renderWith({
      config: { egress: { proxy: 'http://proxy.example.com:3128' }, jobs: { env: ['OPENAI_API_KEY'] } },
      extraEnv: [
        { name: 'OPENAI_API_KEY', valueFrom: { secretKeyRef } },
        { name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' },
        { name: 'PLAN42_JOBS_ENV', value: 'OPENAI_API_KEY' },
      ],
    });
  });

  test('agents do not get the service account of the runner', async (t) => {
    if (!(await requiresHelm(t))) return;
    const refusal = /service account \S+ for agents .*: it is that of the runner/;
    for (const values of [
      { agents: { serviceAccount: { create: true, name: 'plan42-runner' } } },
      { agents: { serviceAccount: { create: false, name: 'plan42-runner' } } },
      { serviceAccount: { create: true, name: 'same' }, agents: { serviceAccount: { create: true, name: 'same' } } },
      { serviceAccount: { create: false, name: 'default' }, agents: { serviceAccount: { create: false } } },
      { podTemplate: { spec: { serviceAccountName: 'plan42-runner' } } },
      { podTemplate: { spec: { serviceAccount: 'plan42-runner' } } },
    ])
      assert.match((await errorOf(values)) ?? '', refusal, JSON.stringify(values));
    await renderWith(nest(['agents', 'serviceAccount', 'name'], 'other'));
  });
});
