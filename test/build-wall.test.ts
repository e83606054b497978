/** The programs of containers, which packages build while other processes start containers with them. */
import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { wallInside } from '../scripts/build/wall.ts';
import { eventually } from './support/eventually.ts';

const folder = join(import.meta.dirname, '../dist/wall');
const program = join(folder, `init-${process.arch}`);
const source = join(import.meta.dirname, '../src/wall/init-program.ts');

test('a build replaces a program as a whole, and every user can run it', async (t) => {
  if (process.platform !== 'linux') return t.skip('machines with containers need them');
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  const content = await readFile(program);
  const done = new AbortController();
  const seen = new Set<string>();
  const watch = async () => {
    while (!done.signal.aborted) {
      const { mode } = await stat(program);
      seen.add(`${(mode & 0o777).toString(8)} ${content.equals(await readFile(program))}`);
    }
  };
  const watching = watch();
  const options = { bundle: true, write: false, platform: 'node', format: 'esm' } as const;
  for (let n = 0; n < 5; n += 1) await build({ ...options, entryPoints: [source], plugins: [wallInside()] });
  done.abort();
  await watching;
  assert.deepEqual([...seen], ['755 true']);
  // Another test can be building packages.
  await eventually(async () => (await readdir(folder)).every((name) => /^[a-z-]+-(x64|arm64)$/.test(name)));
});
