import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { tlsPair } from '../../test/support/tls-pair.ts';
import { readCaFile } from './ca-file.ts';
import { UserError } from './errors.ts';

test('only the certificates of a file are returned', async () => {
  await using dir = await makeTempDir();
  const path = join(dir.path, 'ca.pem');
  await writeFile(path, `a comment\n${tlsPair.key}${tlsPair.cert}text between\r\n${tlsPair.cert}end`);
  assert.equal(readCaFile(path), tlsPair.cert + tlsPair.cert);
});

test('a file that cannot be used is a user’s error that names the setting', async () => {
  await using dir = await makeTempDir();
  const path = join(dir.path, 'ca.pem');
  const cases = [
    ['', /contains no PEM certificate/],
    [tlsPair.key, /contains no PEM certificate/],
    [tlsPair.cert.slice(0, 200), /contains a damaged certificate/],
    [tlsPair.cert.replace('MIIB', '!!!!'), /contains a damaged certificate/],
  ] as const;
  for (const [content, expected] of cases) {
    await writeFile(path, content);
    assert.throws(
      () => readCaFile(path, 'jobs.ca_file'),
      (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, expected);
        assert.match(error.remedy ?? '', /jobs\.ca_file/);
        return true;
      },
    );
  }
  assert.throws(() => readCaFile(dir.path), /cannot read the CA file/);
});
