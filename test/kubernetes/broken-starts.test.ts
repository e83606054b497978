/**
 * Jobs that fail in a real cluster, each explained as its recorded objects are in `src/runtimes/kubernetes/explain`. With
 * PLAN42_RECORD_STARTS=1, writes the objects to its fixtures.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { explainExit, phaseOf } from '../../src/runtimes/kubernetes/explain/exit.ts';
import type { Picture } from '../../src/runtimes/kubernetes/explain/objects.ts';
import { explainStart } from '../../src/runtimes/kubernetes/explain/start-problem.ts';
import { makeBrokenStart, type Recorded, startEmptyRegistry, taintNodes } from '../support/kubernetes/broken-start.ts';
import { type BrokenStart, brokenStarts } from '../support/kubernetes/broken-starts.ts';
import { type Cluster, requiresCluster } from '../support/kubernetes/cluster.ts';
import { reduceRecorded } from '../support/kubernetes/reduce.ts';

const fixtures = resolve(import.meta.dirname, '../../src/runtimes/kubernetes/explain/fixtures');
const isRecording = process.env['PLAN42_RECORD_STARTS'] === '1';

/** The phase of the job and its reason, without the names that differ in each run. */
function explain(recorded: Recorded): string {
  const { job, pods, events, podIsGone } = recorded;
  const picture = { job, pod: pods[0], events, podIsGone } as unknown as Picture;
  const phase = phaseOf(picture);
  const { startError, stopped, outOfMemory } = explainExit(picture, new Date(0));
  const reason = phase === 'starting' ? explainStart(picture)?.reason : (startError ?? stopped?.reason);
  const text = phase === 'running' ? '' : (reason ?? (outOfMemory ? 'out of memory' : ''));
  return `${phase}: ${text.replace(/broken-[a-z-]+-[0-9a-f]{6}\//, 'NAMESPACE/').replace(/used: \d+/, 'used: N')}`;
}

async function check(cluster: Cluster, broken: BrokenStart, registry: string): Promise<void> {
  const recorded = await makeBrokenStart(cluster.admin, broken, registry);
  const text = JSON.stringify(reduceRecorded(recorded), undefined, 2).replaceAll(registry, 'registry.example:5000');
  const file = resolve(fixtures, `${broken.name}.json`);
  if (isRecording) await writeFile(file, `${text}\n`);
  const expected = explain(JSON.parse(await readFile(file, 'utf8')) as Recorded);
  assert.equal(explain(JSON.parse(text) as Recorded), expected);
}

test('starts that fail are explained', async (t) => {
  const cluster = await requiresCluster(t);
  if (!cluster) return;
  await using registry = await startEmptyRegistry();
  const together = brokenStarts.filter(({ isExclusive }) => !isExclusive);
  await Promise.all(together.map((broken) => t.test(broken.name, () => check(cluster, broken, registry.host))));
  for (const broken of brokenStarts.filter(({ isExclusive }) => isExclusive)) {
    await t.test(broken.name, () => check(cluster, broken, registry.host));
    await taintNodes(cluster.admin, []);
  }
});
