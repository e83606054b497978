import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { test } from 'node:test';
import { JsonError, maxJsonDepth, maxJsonValues, parseJson, tryParseJson } from './json.ts';

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

test('text is parsed like JSON.parse does', () => {
  for (const text of ['null', ' 1 ', '"[{,\\"\\\\"', '{"a":[{"b":"]"},{}],"__proto__":1}', nested(maxJsonDepth)]) {
    assert.deepEqual(parseJson(text), JSON.parse(text), text);
  }
});

test('errors do not quote the text', () => {
  for (const text of ['', 'secret', '{"secret":', '"secret', '"secret\\', '[secret]']) {
    assert.throws(() => parseJson(text), new JsonError('not JSON'), text);
    assert.equal(tryParseJson(text), undefined);
  }
});

test('deep nesting and many values are rejected', () => {
  const deep = { name: 'JsonError', message: `nested deeper than ${maxJsonDepth} levels` };
  assert.throws(() => parseJson(nested(maxJsonDepth + 1)), deep);
  assert.throws(() => parseJson(`{"a":${nested(maxJsonDepth)}}`), deep);
  assert.throws(() => parseJson(`[${'{},'.repeat(maxJsonValues / 2)}0]`), /more than 1000000 values/);
  assert.doesNotThrow(() => parseJson(`"${'[{,'.repeat(maxJsonValues)}"`), 'brackets in strings');
});

test('five million levels of nesting need no memory', () => {
  const text = nested(5_000_000);
  const before = process.memoryUsage.rss();
  assert.throws(() => parseJson(text), JsonError);
  const usedMiB = (process.memoryUsage.rss() - before) / 2 ** 20;
  assert.ok(usedMiB < 50, `${usedMiB} MiB`);
});

// Files that read what this program wrote, or what the user of the command did.
const mayUseJsonParse = [
  'src/config/find-setting.ts',
  'src/config/kinds.ts',
  'src/cli/server/location.ts',
  'src/jobs/images/image-usage.ts',
  'src/jobs/store.ts',
  // Its own file.
  'src/lib/source-positions.ts',
  'src/agent/turn/log-spool.ts',
  'src/jobs/titles.ts',
  'src/server/store/columns.ts',
  'src/server/store/table.ts',
  'src/server/store/turn-events.ts',
  'src/server/store/turn-networks.ts',
  // Its own object, as JSON has it.
  'src/server/core/turn-messages.ts',
  // Runs in a container, without the program's modules.
  'src/runtimes/check/script.ts',
  // In the browser, from its own server.
  'src/web/',
];

test('nothing else parses JSON of other programs', async () => {
  const found: string[] = [];
  for await (const file of glob('src/**/*.{ts,tsx}')) {
    if (file.endsWith('.test.ts') || mayUseJsonParse.some((allowed) => file.startsWith(allowed))) continue;
    const code = readFileSync(file, 'utf8').replaceAll(/^\s*(\/\/|\/?\*).*$/gm, '');
    if (/JSON\.parse\(|\.json\(\)|body\.(text|arrayBuffer)\(\)/.test(code)) found.push(file);
  }
  assert.deepEqual(found, [], 'use lib/json.ts and lib/read-body.ts');
});
