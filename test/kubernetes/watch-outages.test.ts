/** The watch of a real API server behind a proxy that lets it fail. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { sleep } from '../../src/lib/sleep.ts';
import { connect } from '../../src/runtimes/kubernetes/api/connect.ts';
import { listThenWatch, type WatchedObject } from '../../src/runtimes/kubernetes/watch/list-then-watch.ts';
import { eventually } from '../support/eventually.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { type Outage, OutageProxy } from '../support/kubernetes/outage-proxy.ts';

const outages: readonly Outage[] = ['refuse', 'reset', 'hang', 'cut', 410, 429, 500];
const outageMs = 400;

// The minute of a silent connection takes three seconds.
const speed = 20;
const fastClock: Clock = {
  now: () => performance.now() * speed,
  date: () => new Date(),
  sleep: (ms, signal) => sleep(ms / speed, signal),
};

/** A Job without pods. */
const idleJob = (name: string) => ({
  metadata: { name, labels: { app: 'watched' } },
  spec: {
    suspend: true,
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 'agent', image: 'localhost/none:1' }] } },
  },
});

test('no Job is lost, and none is gone that is there, through outages of each kind', async (t) => {
  const cluster = await requiresCluster(t);
  if (!cluster) return;
  const account = await cluster.createRunnerAccount('outages');
  const folder = await mkdtemp(join(tmpdir(), 'kube-outages-'));
  t.after(() => rm(folder, { recursive: true }));
  await using proxy = await OutageProxy.start(account.kubeconfig);
  const kubeconfig = join(folder, 'config');
  await writeFile(kubeconfig, proxy.kubeconfig);
  const api = await connect({ kubeconfig }, {}, { pingMs: 10_000 / speed, maxSilentPings: 3 });
  const path = `/apis/batch/v1/namespaces/${account.namespace}/jobs`;

  const existing = new Set<string>();
  const known = new Set<string>();
  const wronglyGone: string[] = [];
  const remove = (name: string) => {
    if (known.delete(name) && existing.has(name)) wronglyGone.push(name);
  };
  const stop = new AbortController();
  const done = listThenWatch({
    api,
    path,
    labelSelector: 'app=watched',
    keep: ({ metadata }: WatchedObject) => metadata.name,
    onList: (names) => {
      for (const name of known) if (!names.includes(name)) remove(name);
      for (const name of names) known.add(name);
    },
    onChange: (name) => known.add(name),
    onDelete: remove,
    logger: silentLogger,
    clock: fastClock,
    signal: stop.signal,
  }).catch((error: unknown) => error);

  let count = 0;
  const change = async () => {
    count += 1;
    const name = `job-${count}`;
    await cluster.admin.request('POST', path, { body: idleJob(name) });
    existing.add(name);
    if (count % 2 === 0) return;
    existing.delete(name);
    await cluster.admin.request('DELETE', `${path}/${name}`, { query: { propagationPolicy: 'Background' } });
  };
  const isCurrent = async () => known.size === existing.size && [...existing].every((name) => known.has(name));

  for (const [n, outage] of [...outages, ...outages].entries()) {
    const protocol = n < outages.length ? 'HTTP/2' : 'HTTP/1.1';
    if (n % outages.length === 0) proxy.speak(protocol);
    await change();
    await eventually(isCurrent);
    await proxy.begin(outage);
    await change();
    await change();
    await delay(outageMs);
    await proxy.begin('none');
    await change();
    await eventually(isCurrent).catch((cause: unknown) => {
      throw new Error(`the watch did not recover from ${outage} with ${protocol}`, { cause });
    });
  }
  assert.deepEqual(wronglyGone, []);
  stop.abort(new Error('the test is over'));
  assert.match(String(await done), /the test is over/);
});
