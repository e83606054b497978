import assert from 'node:assert/strict';
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { environmentFailure, failureRemedy } from './environment-failure.ts';

test('system errors are recognised, also as a cause', () => {
  const cases = { ENOSPC: 'diskFull', EDQUOT: 'diskFull', EROFS: 'readOnly', EIO: 'diskError', EMFILE: 'descriptors' };
  for (const [code, kind] of Object.entries(cases)) {
    const error = Object.assign(new Error(code), { code, path: '/a' });
    assert.deepEqual(environmentFailure(new Error('outer', { cause: error })), { kind, path: '/a' });
  }
  for (const other of [new Error('x'), Object.assign(new Error('x'), { code: 'ENOENT' }), 'text', undefined])
    assert.equal(environmentFailure(other), undefined);
});

test('errors of SQLite are recognised', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'plan42-failure-'));
  const path = join(dir.path, 'x.db');
  const kindAt = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      return environmentFailure(error)?.kind;
    }
    return undefined;
  };
  await writeFile(path, 'no database, and longer than the header of one '.repeat(100));
  assert.equal(
    kindAt(() => new DatabaseSync(path).exec('SELECT 1 FROM sqlite_schema')),
    'notADatabase',
  );
  assert.equal(
    kindAt(() => new DatabaseSync(join(dir.path, 'missing', 'x.db'))),
    'forbidden',
  );
  await writeFile(path, '');
  using database = new DatabaseSync(path);
  database.exec('CREATE TABLE t (x)');
  using other = new DatabaseSync(path);
  database.exec('BEGIN EXCLUSIVE');
  assert.equal(
    kindAt(() => other.exec('INSERT INTO t VALUES (1)')),
    'busy',
  );
  database.exec('COMMIT; PRAGMA max_page_count = 2');
  assert.equal(
    kindAt(() => database.exec('INSERT INTO t VALUES (zeroblob(100000))')),
    'diskFull',
  );
  using reader = new DatabaseSync(path, { readOnly: true });
  assert.equal(
    kindAt(() => reader.exec('INSERT INTO t VALUES (1)')),
    'readOnly',
  );
  assert.equal(
    kindAt(() => database.exec('no SQL')),
    undefined,
  );
  assert.equal((await readFile(path)).length, 8192);
});

test('a remedy names the command that shows the problem', () => {
  const missing = join(tmpdir(), 'no-such-folder/file');
  assert.equal(failureRemedy({ kind: 'diskFull', path: missing }), `Free disk space. Run: df -h ${tmpdir()}`);
  assert.match(failureRemedy({ kind: 'descriptors', path: undefined }), /ulimit -n/);
});
