import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { createLogger } from '../../lib/logger.ts';
import { Database } from './database.ts';
import { StorageError, StorageHealth } from './storage-health.ts';

/** A database with free pages, and the events that it logs. */
async function makeDatabase(Connection: typeof DatabaseSync = DatabaseSync) {
  const dir = await makeTempDir();
  const connection = new Connection(join(dir.path, 'test.db'));
  connection.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; CREATE TABLE t (x TEXT) STRICT');
  connection.exec("INSERT INTO t VALUES (hex(zeroblob(100000))); DELETE FROM t; INSERT INTO t VALUES ('kept')");
  const log: string[] = [];
  const logger = createLogger({ level: 'info', format: 'text', write: (line) => log.push(line) });
  const database = new Database(connection, new StorageHealth(dir.path, logger));
  const dispose = async () => {
    database[Symbol.dispose]();
    await dir[Symbol.asyncDispose]();
  };
  return { database, connection, log, [Symbol.asyncDispose]: dispose };
}

for (const [name, use] of [
  ['shrink', (database: Database) => database.shrink(10)],
  ['vacuum', (database: Database) => database.vacuum()],
] as const) {
  test(`a failed ${name} is reported like a failed statement`, async () => {
    await using made = await makeDatabase();
    const { database, connection, log } = made;
    // As on a disk that has become read-only.
    connection.exec('PRAGMA query_only = ON');
    assert.throws(() => use(database), StorageError);
    assert.equal(database.health.trouble?.kind, 'readOnly');
    assert.match(log.join(''), /ERROR storage failed/);
    connection.exec('PRAGMA query_only = OFF');
    use(database);
  });
}

test('a transaction that cannot be rolled back is reported, and joined by no other', async () => {
  const failing = new Set<string>();
  class Failing extends DatabaseSync {
    override exec(sql: string): void {
      if (failing.has(sql)) throw Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 });
      super.exec(sql);
    }
  }
  await using made = await makeDatabase(Failing);
  const { database, log } = made;
  const insert = (text: string) => database.statement('INSERT INTO t VALUES (?)').run(text);
  failing.add('ROLLBACK');
  const refused = new Error('refused');
  const work = () => {
    insert('refused');
    throw refused;
  };
  assert.throws(() => database.transaction(work), refused);
  assert.match(log.join(''), /ERROR storage failed/);
  assert.throws(() => database.transaction(() => insert('lost')), StorageError);
  failing.clear();
  database.transaction(() => insert('saved'));
  using other = new DatabaseSync(made.connection.location() ?? '');
  assert.deepEqual(
    other
      .prepare('SELECT x FROM t ORDER BY x')
      .all()
      .map(({ x }) => x),
    ['kept', 'saved'],
  );
});
