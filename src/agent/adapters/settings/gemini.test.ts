import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';
import { problemWithPolicies } from './gemini.ts';

test('policies of the system, which replace ours, are reported', async () => {
  await using dir = await makeTempDir();
  await writeFile(join(dir.path, 'README'), '');
  assert.equal(problemWithPolicies(['/nonexistent', dir.path]), undefined);
  await writeFile(join(dir.path, 'a.toml'), '');
  assert.match(problemWithPolicies(['/nonexistent', dir.path]) ?? '', /others in \S+$/);
});
