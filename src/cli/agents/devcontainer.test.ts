import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import type { BuildEngine } from './build-engine.ts';
import { baseOfDevcontainer, findDevcontainer, imageWithDevcontainer, parseDevcontainer } from './devcontainer.ts';
import { toJson } from './jsonc.ts';

test('comments and trailing commas are no part of the JSON', () => {
  for (const [text, value] of [
    ['{"a": 1, // one\n "b": [1, 2, /* , */ ], }', { a: 1, b: [1, 2] }],
    ['{"a": "// no, }", "b": "\\"/*"}', { a: '// no, }', b: '"/*' }],
    ['// only\n[1,\n\n]', [1]],
  ] as const)
    assert.deepEqual(JSON.parse(toJson(text)), value);
  for (const text of ['[1,,]', '[1],', '{"a":1 /*']) assert.throws(() => JSON.parse(toJson(text)), text);
});

// A linter takes it for a mistake in a template.
const dollar = '$';

test('the file names an image or a Dockerfile, in old and new spelling', () => {
  assert.deepEqual(parseDevcontainer('{"image": "a:1", "features": {}, "postCreateCommand": "x", "name": "n"}'), {
    image: 'a:1',
    ignored: ['features', 'postCreateCommand'],
  });
  const build = { dockerfile: 'D', context: '..', target: 't', args: { A: '1-3.0-', B: '' } };
  const args = { A: `1-${dollar}{localEnv:SECRET:3.0}-`, B: `${dollar}{localEnv:SECRET}` };
  assert.deepEqual(parseDevcontainer(JSON.stringify({ build: { ...build, args } })).build, build);
  assert.deepEqual(parseDevcontainer('{"dockerFile": "D"}').build, {
    ...{ dockerfile: 'D', context: '.', target: undefined, args: {} },
  });
  for (const text of [
    '{}',
    '[]',
    '{"image": 1}',
    '{"dockerComposeFile": "x"}',
    '{"build": {"args": {"A B": "1"}}}',
    '{',
  ])
    assert.throws(() => parseDevcontainer(text), text);
});

test('a Dockerfile is built in its repository, and no file outside of it is used', async () => {
  await using dir = await makeTempDir();
  const folder = join(dir.path, 'repo/.devcontainer');
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'devcontainer.json');
  await writeFile(join(folder, 'Dockerfile'), 'FROM x\n');
  await writeFile(join(dir.path, 'secret'), '');
  await symlink(join(dir.path, 'secret'), join(folder, 'link'));
  const calls: string[][] = [];
  const engine: BuildEngine = {
    name: 'docker',
    run: async () => ({ exitCode: 0, stdout: '', error: '' }),
    runVisibly: async (args) => {
      calls.push([...args]);
      return { exitCode: 0, output: '' };
    },
  };
  const base = async (content: object) => {
    await writeFile(file, JSON.stringify(content));
    return baseOfDevcontainer(file, engine, () => {});
  };
  const image = await base({ build: { dockerfile: 'Dockerfile', context: '..', args: { A: '1' }, target: 't' } });
  assert.match(image, /^localhost\/plan42-devcontainer-[0-9a-f]{12}:latest$/);
  assert.deepEqual(calls[0]?.slice(3), [
    ...['--file', join(folder, 'Dockerfile'), '--target', 't', '--build-arg', 'A=1'],
    join(dir.path, 'repo'),
  ]);
  assert.equal(await base({ image: 'a:1' }), 'a:1');
  for (const dockerfile of ['link', '../../secret', '/etc/passwd'])
    await assert.rejects(base({ build: { dockerfile } }), /is outside of .*repo/, dockerfile);
  await assert.rejects(base({ build: { dockerfile: 'Dockerfile', context: '../..' } }), /is outside of/);
  await assert.rejects(base({ build: { dockerfile: 'none' } }), /none does not exist/);
  await assert.rejects(base({ image: '--privileged' }), /is not the name of an image/);
  assert.equal(calls.length, 1);
});

test('the name of the image changes with the file and its Dockerfile', async () => {
  await using dir = await makeTempDir();
  assert.equal(await findDevcontainer(dir.path), undefined);
  const file = join(dir.path, '.devcontainer.json');
  await writeFile(file, '{"build": {"dockerfile": "D"}}');
  assert.equal(await findDevcontainer(dir.path), file);
  await writeFile(join(dir.path, 'D'), 'FROM a\n');
  const first = await imageWithDevcontainer('claude', file);
  assert.match(first, /^localhost\/plan42-agent-claude:[0-9a-f]{12}$/);
  assert.equal(await imageWithDevcontainer('claude', file), first);
  await writeFile(join(dir.path, 'D'), 'FROM b\n');
  assert.notEqual(await imageWithDevcontainer('claude', file), first);
});
