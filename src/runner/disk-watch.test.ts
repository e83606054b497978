import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../lib/logger.ts';
import { reportLowDisk } from './disk-watch.ts';
import { RunnerHealth } from './health.ts';

test('reports low disk space until there is enough again', async () => {
  const health = new RunnerHealth(silentLogger);
  health.reportSuccess('queue');
  const noted: boolean[] = [];
  let low: string | undefined = 'not enough disk space';
  using watch = reportLowDisk(async () => low, health, { noteDisk: (isLow) => noted.push(isLow) });
  assert.equal(await watch.lowDiskReason(), low);
  assert.equal(health.state.phase, 'degraded');
  assert.deepEqual(
    health.troubles.map(({ kind, message }) => [kind, message]),
    [['disk', 'not enough disk space']],
  );
  low = undefined;
  await watch.lowDiskReason();
  assert.equal(health.state.phase, 'ready');
  assert.deepEqual([noted[0], noted.at(-1)], [true, false]);
});
