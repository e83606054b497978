/** The executable starts slowly, and prints a warning, if V8 rejects its code caches. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFlags } from '../scripts/build/node-flags.ts';
import { writeCodeCaches } from '../scripts/package/programs.ts';
import { run } from '../scripts/package/run.ts';
import { makeTempDir } from './support/temp-dir.ts';

test('V8 accepts code caches with the flags of the executable', async () => {
  await using dir = await makeTempDir();
  await writeFile(join(dir.path, 'program.js'), '(function () { return 1; })');
  await writeCodeCaches(dir.path, ['program.js']);
  const check = `
    const { readFileSync } = require('node:fs');
    const options = { filename: 'program.js', cachedData: readFileSync('program.js.cache') };
    console.log(new (require('node:vm').Script)(readFileSync('program.js', 'latin1'), options).cachedDataRejected);
  `;
  assert.equal(await run(process.execPath, [...nodeFlags, '-e', check], { cwd: dir.path }), 'false\n');
});
