import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../../test/support/engines/processes.ts';
import { asOrdinaryUser } from '../../../test/support/ordinary-user.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { addAll } from './add.ts';
import { gitEnvironment, sharedVariables } from './environment.ts';
import { git } from './git.ts';

test('a folder that cannot be read is reported, and the rest is added', async () => {
  await using dir = await makeTempDir();
  const folder = join(dir.path, 'repository');
  await run('git', ['init', '--quiet', folder]);
  await writeFile(join(folder, 'a.txt'), 'a\n');
  await mkdir(join(folder, 'closed/inner'), { recursive: true });
  await writeFile(join(folder, 'closed/inner/b.txt'), 'b\n');
  await chmod(join(folder, 'closed/inner'), 0o000);
  await chmod(dir.path, 0o755);
  await run('chmod', ['-R', 'a+rwX', join(folder, '.git')]);
  const env = { PATH: process.env['PATH'], HOME: folder };
  const local = { folder, env: gitEnvironment({ ...env, ...sharedVariables(env) }) };
  try {
    const added = await asOrdinaryUser(() => addAll(local));
    assert.deepEqual(added, { refused: [], unreadable: ['closed/inner'] });
    assert.equal(await git(local, ['diff', '--cached', '--name-only']), 'a.txt');
  } finally {
    await chmod(join(folder, 'closed/inner'), 0o755);
  }
});
