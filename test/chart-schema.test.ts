/** The part of the chart's schema for `config` knows the settings of the runner, and refuses no value that the runner accepts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { type Field, tables } from '../src/config/schema.ts';
import type { Json } from './support/json.ts';

const file = new URL('../deploy/helm/plan42-runner/values.schema.json', import.meta.url);
const schema: Json = JSON.parse(readFileSync(file, 'utf8'));
const accepts = new Ajv({ strict: false }).compile(schema.properties.config);
const settings = Object.entries<Record<string, Field<unknown>>>(tables)
  .filter(([table]) => table !== 'host')
  .flatMap(([table, fields]) => Object.values(fields).map((field) => ({ table, field })));

/** Values of all types, of which each setting accepts some. */
const samples = [
  ...[true, false, 0, 1, 2, 0.1, 0.5, 16, 17, 100, 1000, 1001, 1e6, -1],
  ...['', ' ', 'a', 'A', ' docker ', 'never', 'always', 'off', 'auto', 'a b', '/', '/a', '~', '~/a', 'a/b', 'x=y'],
  ...['1s', '1.5h', '1h30m', '10d', '1h ', '30', '0ms', '127.0.0.1:80', '[::1]:80', 'localhost:1'],
  ...[
    'https://a.test',
    ' https://a.test ',
    'HTTPS://a.test',
    'http://127.0.0.1',
    'ftp://a.test',
    'http://u:p@a.test:1',
  ],
  ...['3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9', '3E3819C6-AEEB-493C-9A9D-13F87C3BA9B9'],
  ...[[], [''], ['a'], ['CHOWN'], ['a.test:80'], ['NAME'], ['NAME=x'], ['*'], ['ghcr.io/a/*'], ['/a'], ['/a:/b:ro']],
  ...[[1], {}, null],
];

test('every setting is known, and each value that the runner accepts is accepted', () => {
  const refused = settings.flatMap(({ table, field: { key, kind } }) =>
    samples
      .filter((value) => {
        try {
          kind.fromToml(value);
          return true;
        } catch {
          return false;
        }
      })
      .filter((value) => !accepts({ [table]: { [key]: value } }))
      .map((value) => `${table}.${key} = ${JSON.stringify(value)}`),
  );
  assert.deepEqual(refused, []);
});

test('a value of another type is refused for each setting', () => {
  const accepted = settings.flatMap(({ table, field: { key } }) =>
    accepts({ [table]: { [key]: { x: 1 } } }) ? [`${table}.${key}`] : [],
  );
  assert.deepEqual(accepted, []);
});

for (const [config, isAccepted] of [
  [{ jobs: { max_jobs: 20 } }, true],
  [{ jobs: { max_job: 20 } }, false],
  [{ job: { max_jobs: 20 } }, false],
  [{ host: { command: ['agent'] } }, false],
  [{ jobs: { max_jobs: 0 } }, false],
  [{ limits: { max_duration: '1 hour' } }, false],
  [{ images: { pull_policy: 'sometimes' } }, false],
  [{ limits: { prices: { 'claude-opus-4': { input: 5, output: 25 } } } }, true],
  [{ limits: { prices: { 'claude-opus-4': { input: 5 } } } }, false],
  [{ runner: { model_mappings: { 'Opus 4': { provider: 'bedrock', model: 'opus' } } } }, true],
  [{ runner: { model_mappings: { 'Opus 4': { modell: 'opus' } } } }, false],
  [{ credentials: { broker: 'off', npm: { variable: 'NPM_TOKEN', hosts: ['registry.npmjs.org'] } } }, true],
  [{ credentials: { npm: { variabel: 'NPM_TOKEN' } } }, false],
] as const) {
  test(`${isAccepted ? 'accepts' : 'refuses'} ${JSON.stringify(config)}`, () => {
    assert.equal(accepts(config), isAccepted);
  });
}
