import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate as nextTick } from 'node:timers/promises';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { silentLogger } from '../../lib/logger.ts';
import { Database } from './database.ts';
import { StorageError, StorageHealth } from './storage-health.ts';
import { WriteGroup } from './write-group.ts';

/** A database that counts transactions, and what another connection sees of it. */
async function setUp() {
  const dir = await makeTempDir();
  const path = join(dir.path, 'test.db');
  const connection = new DatabaseSync(path);
  connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x TEXT) STRICT');
  let transactions = 0;
  class Counting extends Database {
    override transaction<T>(work: () => T): T {
      transactions += 1;
      return super.transaction(work);
    }
  }
  const database = new Counting(connection, new StorageHealth(dir.path, silentLogger));
  return {
    connection,
    group: new WriteGroup(database),
    transactions: () => transactions,
    insert: (text: string) => void database.statement('INSERT INTO t VALUES (?)').run(text),
    saved: () => {
      using other = new DatabaseSync(path, { readOnly: true });
      return other
        .prepare('SELECT x FROM t ORDER BY rowid')
        .all()
        .map(({ x }) => x);
    },
    synchronous: () => connection.prepare('PRAGMA synchronous').get()?.['synchronous'],
    [Symbol.asyncDispose]: async () => {
      database[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

test('writes that arrive together share a transaction, in their order, and resolve when it is committed', async () => {
  await using made = await setUp();
  const { group, insert, saved, transactions } = made;
  const names = Array.from({ length: 20 }, (_, i) => `${i}`);
  const results = names.map(async (name) => {
    const result = await group.write(() => {
      insert(name);
      return name;
    });
    assert.ok(saved().includes(name));
    return result;
  });
  assert.deepEqual(await Promise.all(results), names);
  assert.deepEqual(saved(), names);
  assert.equal(transactions(), 1);
  // Others wait for the disk.
  assert.equal(made.synchronous(), 2);
});

test('writes that arrive while a group waits for the disk are the next group', async () => {
  await using made = await setUp();
  const { group, insert, transactions } = made;
  const later: Promise<void>[] = [];
  await group.write(() => {
    insert('first');
    setImmediate(() => {
      for (const name of ['second', 'third']) later.push(group.write(() => insert(name)));
    });
  });
  await nextTick();
  await Promise.all(later);
  assert.equal(later.length, 2);
  assert.equal(transactions(), 2);
});

test('a write that throws undoes its own changes only', async () => {
  await using made = await setUp();
  const { group, insert, saved, transactions } = made;
  const refused = new Error('refused');
  const writes = ['a', 'b', 'c'].map((name) =>
    group.write(() => {
      insert(name);
      if (name === 'b') throw refused;
    }),
  );
  const results = await Promise.allSettled(writes);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal((results[1] as PromiseRejectedResult).reason, refused);
  assert.deepEqual(saved(), ['a', 'c']);
  assert.equal(transactions(), 1);
});

test('if the storage fails, no write of the group is saved, all are rejected, and later ones work', async () => {
  await using made = await setUp();
  const { connection, group, insert, saved } = made;
  const writes = ['a', 'b', 'c'].map((name) =>
    group.write(() => {
      if (name === 'b') connection.exec('PRAGMA query_only = ON');
      insert(name);
    }),
  );
  const results = await Promise.allSettled(writes);
  const failed = results.filter((result) => result.status === 'rejected' && result.reason instanceof StorageError);
  // The last one is the next group.
  assert.equal(failed.length, 3);
  assert.deepEqual(saved(), []);
  connection.exec('PRAGMA query_only = OFF');
  await group.write(() => insert('d'));
  assert.deepEqual(saved(), ['d']);
  assert.equal(made.synchronous(), 2);
});

test('a long group is split, so that other requests have their turn', async () => {
  await using made = await setUp();
  const { group, insert, transactions } = made;
  const workMs = 4;
  const writes = Array.from({ length: 12 }, (_, i) =>
    group.write(() => {
      const until = performance.now() + workMs;
      while (performance.now() < until);
      insert(`${i}`);
    }),
  );
  await Promise.all(writes);
  assert.ok(transactions() >= 4, `${transactions()} transactions`);
});
