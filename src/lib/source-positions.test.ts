import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { makeTempDir } from '../../test/support/temp-dir.ts';

const module = JSON.stringify(pathToFileURL(join(import.meta.dirname, 'source-positions.ts')).href);

/** Bundles `source`, which may call `fail()`, into one line, and returns how to run it. */
async function bundle(source: string) {
  const dir = await makeTempDir();
  await writeFile(
    join(dir.path, 'fail.ts'),
    'interface A {}\n\nexport function fail(): never {\n  throw new Error("broken");\n}\n',
  );
  await writeFile(join(dir.path, 'main.ts'), `import { fail } from './fail.ts';\n${source}`);
  await build({
    entryPoints: [join(dir.path, 'main.ts')],
    outfile: join(dir.path, 'a b.mjs'),
    ...{
      bundle: true,
      format: 'esm',
      platform: 'node',
      minifyWhitespace: true,
      sourcemap: 'linked',
      external: ['file:*'],
    },
  });
  const run = () => spawnSync(process.execPath, [join(dir.path, 'a b.mjs')], { encoding: 'utf8' });
  return { path: dir.path, run, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

const printed = `import { inSources } from ${module}; try { fail(); } catch (error) { console.log(inSources(error.stack)); }`;

describe('positions in sources', () => {
  it('are in a stack trace of a bundle', async () => {
    await using program = await bundle(printed);
    const { stdout, stderr } = program.run();
    assert.equal(stderr, '');
    assert.match(stdout, /^Error: broken\n/);
    assert.ok(stdout.includes(`at fail (${join(program.path, 'fail.ts')}:4:9)`), stdout);
  });

  it('are in the error that ends a process', async () => {
    await using program = await bundle(`import { showSourcePositions } from ${module}; showSourcePositions(); fail();`);
    const { status, stderr } = program.run();
    assert.equal(status, 1);
    assert.ok(stderr.includes(`at fail (${join(program.path, 'fail.ts')}:4:9)`), stderr);
  });

  it('are left out if the map is missing or belongs to another build', async () => {
    await using program = await bundle(printed);
    const map = join(program.path, 'a b.mjs.map');
    await utimes(map, 4e9, 4e9);
    assert.match(program.run().stdout, /at fail \(file:\S+a%20b\.mjs:\d+:\d+\)/);
    await rm(map);
    assert.match(program.run().stdout, /at fail \(file:\S+a%20b\.mjs:\d+:\d+\)/);
  });
});
