import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../lib/logger.ts';
import { reportLowDisk } from './disk-watch.ts';
import { Readiness } from './readiness.ts';

test('too little disk space is told by the runner’s state until there is enough again', async () => {
  const readiness = new Readiness(silentLogger);
  readiness.works('queue');
  let low: string | undefined = 'not enough disk space';
  using watch = reportLowDisk(async () => low, readiness);
  assert.equal(await watch.lowDiskReason(), low);
  assert.equal(readiness.state.phase, 'degraded');
  assert.deepEqual(
    readiness.troubles.map(({ kind, message }) => [kind, message]),
    [['disk', 'not enough disk space']],
  );
  low = undefined;
  await watch.lowDiskReason();
  assert.equal(readiness.state.phase, 'ready');
});
