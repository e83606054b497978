import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { silentLogger } from '../../lib/logger.ts';
import { Database } from './database.ts';
import { UsedPublicKeys } from './runner-queues.ts';
import { migrations } from './schema.ts';
import { StorageHealth } from './storage-health.ts';

test('keys of existing queues and the latest former ones are remembered, older ones are forgotten', () => {
  const connection = new DatabaseSync(':memory:');
  connection.exec(`PRAGMA foreign_keys = OFF; ${migrations.join(';')}`);
  using database = new Database(connection, new StorageHealth('/', silentLogger));
  const keys = new UsedPublicKeys(database, 3);
  const queue = (QueueID: string) => ({ TenantID: 't', RunnerID: 'r', QueueID });
  connection.exec(`INSERT INTO runner_queues VALUES ('t', 'r', 'lives', '', 1, 0, 0, 0, '', '', '', 1)`);
  assert.ok(keys.add('of a queue that lives', queue('lives')));
  for (let i = 0; i < 10; i += 1) {
    assert.ok(keys.add(`key ${i}`, queue(`deleted ${i}`)));
    assert.ok(!keys.add(`key ${i}`, queue('another')), 'a key is not used again at once');
  }
  const remembered = connection.prepare('SELECT Point FROM used_public_keys ORDER BY Id').all();
  assert.deepEqual(
    remembered.map(({ Point }) => Point),
    ['of a queue that lives', 'key 7', 'key 8', 'key 9'],
  );
  assert.ok(!keys.add('of a queue that lives', queue('another')));

  connection.exec('DELETE FROM runner_queues');
  keys.add('key 10', queue('deleted 10'));
  assert.equal(connection.prepare('SELECT COUNT(*) AS n FROM used_public_keys').get()?.['n'], 3);
});
