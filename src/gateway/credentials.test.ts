import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { followCredentials, writeCredentials } from './credentials.ts';
import { credentialsFile } from './policy.ts';

test('values are followed from the moment at which they were read', async () => {
  await using dir = await makeTempDir();
  const errors: unknown[] = [];
  const seen: (string | undefined)[] = [];
  await writeCredentials(dir.path, new Map([['n', 'first']]));
  using followed = await followCredentials(dir.path, {
    onChange: (values) => seen.push(values.get('n')),
    onError: (error) => errors.push(error),
  });
  assert.equal(followed.values.get('n'), 'first');
  for (const value of ['again', 'third']) {
    await writeCredentials(dir.path, new Map([['n', value]]));
    await eventually(async () => followed.values.get('n') === value);
  }
  assert.deepEqual([seen, errors], [['again', 'third'], []]);
});

test('values that cannot be read leave those before in use, and are reported once', async () => {
  await using dir = await makeTempDir();
  const errors: unknown[] = [];
  await writeCredentials(dir.path, new Map([['n', 'first']]));
  using followed = await followCredentials(dir.path, { onChange: () => {}, onError: (error) => errors.push(error) });
  await writeFile(join(dir.path, credentialsFile), '{"values": s3cret');
  await eventually(async () => errors.length > 0);
  assert.equal(followed.values.get('n'), 'first');
  await rm(join(dir.path, credentialsFile));
  await writeCredentials(dir.path, new Map([['n', 'second']]));
  await eventually(async () => followed.values.get('n') === 'second');
  assert.deepEqual(errors.map(String), ['Error: credentials.json is invalid']);
});
