/** The npm package alone, which is quick to build: it has all files that a runner needs. */
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildInfo } from '../scripts/build/version.ts';
import { buildNpmPackage } from '../scripts/package/npm.ts';
import { run } from './support/engines/processes.ts';
import { assertWallStands } from './support/package-wall.ts';
import { requiresCommands } from './support/requires-command.ts';
import { makeTempDir } from './support/temp-dir.ts';

const root = join(import.meta.dirname, '..');

test('a runner of the npm package builds the wall around a job', async (t) => {
  if (process.platform !== 'linux') return t.skip('the wall needs Linux');
  if (!(await requiresCommands(t, 'npm', 'tar'))) return;
  await using dir = await makeTempDir();
  const staging = join(dir.path, 'staging');
  await mkdir(staging);
  const notices = join(root, 'LICENSE');
  const tarball = await buildNpmPackage({ staging, output: dir.path, info: await buildInfo(root), notices });
  await run('tar', ['-xzf', tarball, '-C', dir.path]);
  // Programs of jobs, which only some of them have.
  for (const name of ['plan42-agent', 'plan42-warden']) await access(join(dir.path, 'package/js', `${name}.mjs`));
  await assertWallStands(t, [process.execPath, join(dir.path, 'package/bin/plan42.cjs')]);
});
