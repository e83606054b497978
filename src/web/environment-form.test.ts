import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Environment } from '../plan42/objects.ts';
import { emptyEnvironmentForm, environmentFormOf, readEnvironmentForm } from './environment-form.ts';

const environment: Environment = {
  TenantId: 't',
  EnvironmentId: 'e',
  Name: 'web',
  Description: '',
  Context: 'a\r\nb',
  SetupScript: 'npm ci\n',
  DockerImage: 'example.com/agent:1',
  Repos: ['me/web'],
  AllowedHosts: [],
  EnvVars: [
    { Name: 'A', Value: '1', IsSecret: false },
    { Name: 'KEY', Value: '', IsSecret: true },
  ],
  RunnerId: 'default',
  GithubConnectionId: 'default',
  Deleted: false,
  CreatedAt: '',
  UpdatedAt: '',
  Version: 1,
};

test('reads a new environment', () => {
  const form = {
    ...emptyEnvironmentForm,
    name: ' web ',
    image: ' example.com/agent:1 ',
    repos: 'me/web\n\n me/docs ',
    hosts: '*.npmjs.org\nexample.com:8443',
    variables: [
      { name: ' KEY', value: 'a\nb', isSecret: true },
      { name: '', value: '', isSecret: false },
    ],
  };
  assert.deepEqual(readEnvironmentForm(form), {
    changes: {
      Name: 'web',
      DockerImage: 'example.com/agent:1',
      Repos: ['me/web', 'me/docs'],
      AllowedHosts: ['*.npmjs.org', 'example.com:8443'],
      EnvVars: [{ Name: 'KEY', Value: 'a\nb', IsSecret: true }],
    },
  });
});

test('only changes are read, and stored secrets stay', () => {
  const before = environmentFormOf(environment);
  assert.deepEqual(readEnvironmentForm(before, before), { changes: {} });
  const [a = assert.fail(), key = assert.fail()] = before.variables;
  const form = { ...before, repos: '', variables: [{ ...a, value: '2' }, key] };
  assert.deepEqual(readEnvironmentForm(form, before), {
    changes: {
      Repos: [],
      EnvVars: [
        { Name: 'A', Value: '2', IsSecret: false },
        { Name: 'KEY', Value: '', IsSecret: true },
      ],
    },
  });
});

test('fields of variables that only newer clients know stay', () => {
  const EnvVars = [{ Name: 'A', Value: '1', IsSecret: false, Newer: [1] }];
  const before = environmentFormOf({ ...environment, EnvVars });
  const [a = assert.fail()] = before.variables;
  const changes = { EnvVars: [{ Name: 'B', Value: '2', IsSecret: false, Newer: [1] }] };
  assert.deepEqual(readEnvironmentForm({ ...before, variables: [{ ...a, name: 'B', value: '2' }] }, before), {
    changes,
  });
});

test('invalid fields have messages', () => {
  const before = environmentFormOf(environment);
  const [, key = assert.fail()] = before.variables;
  const errorsOf = (changes: Partial<typeof before>) => {
    const result = readEnvironmentForm({ ...before, ...changes }, before);
    return 'errors' in result ? result.errors : {};
  };
  assert.deepEqual(errorsOf({ name: ' ', image: '', repos: 'me/web:main', hosts: 'https://a' }), {
    name: 'Enter a name.',
    image: 'Enter an image, such as registry.example.com/team/agent:1.0.',
    repos: 'Not org/repo: me/web:main',
  });
  assert.match(errorsOf({ image: 'A B' }).image ?? '', /^"A B" is not the name of an image/);
  const variable = (row: { name: string; value: string; isSecret: boolean }) => errorsOf({ variables: [row, key] });
  assert.equal(variable({ name: '1x', value: '', isSecret: false }).variables, 'Not the name of a variable: 1x');
  assert.equal(variable({ name: ' ', value: 'x', isSecret: false }).variables, 'Enter a name for each variable.');
  assert.equal(variable({ name: 'KEY', value: 'x', isSecret: false }).variables, 'KEY is there twice.');
  assert.equal(variable({ name: 'B', value: '', isSecret: true }).variables, 'Enter the value of the secret B.');
  assert.match(errorsOf({ variables: [{ ...key, name: 'NEW' }] }).variables ?? '', /value of the secret NEW/);
});
