import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../../../test/support/eventually.ts';
import { makeJobFolder } from '../../../../test/support/job-folder.ts';
import { startLogServer } from '../../../../test/support/kubernetes/log-server.ts';
import { createLogger } from '../../../lib/logger.ts';
import { createLogInput } from '../../../shim/shim.ts';
import { connect } from '../api/connect.ts';
import { followLog } from './follow-log.ts';
import type { FollowLogOptions, LogTiming } from './follower.ts';

const quick: Partial<LogTiming> = {
  tickMs: 10,
  firstProbeMs: 60_000,
  lingerMs: 100,
  settleMs: 20,
  giveUpMs: 300,
  giveUpLostMs: 300,
  giveUpUnreachableMs: 600,
  backoff: { minMs: 1, maxMs: 20 },
};

async function setUp(t: TestContext, { timing = {}, zone = 'Z' }: { timing?: Partial<LogTiming>; zone?: string } = {}) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const server = stack.use(await startLogServer({ zone }));
  const job = stack.use(await makeJobFolder());
  const kubeconfig = join(dirname(job.logFile), 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigFor(server.url));
  const api = await connect({ kubeconfig }, {});
  const exited = new AbortController();
  const warnings: string[] = [];
  const logger = createLogger({ level: 'warn', format: 'text', write: (line) => void warnings.push(line) });
  return {
    server,
    job,
    kubeconfig,
    exit: () => {
      server.exit();
      exited.abort();
    },
    exited,
    warnings,
    follow: (signal?: AbortSignal, known: Pick<FollowLogOptions, 'hasRun' | 'isNodeLost'> = {}) =>
      followLog({
        ...known,
        api,
        job,
        podName: 'pod',
        maxLogBytes: job.maxLogBytes,
        exited: exited.signal,
        logger,
        signal,
        timing: { ...quick, ...timing },
      }),
    logged: (text: string) => eventually(async () => (await job.readLog()).includes(text)),
    readBytes: () => readFile(job.logFile),
  };
}

export const kubeconfigFor = (server: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'n' } }],
    'current-context': 'x',
  });

test('the log is the output, byte for byte', async (t) => {
  const { server, follow, exit, readBytes, job } = await setUp(t, { zone: '+02:00' });
  const done = follow();
  server.add('one\n');
  server.add('\n');
  server.add('carriage\r\n');
  server.add(Buffer.from([0, 255, 254, 10]));
  server.add('2026-03-01T12:00:00.000000000Z looks like a time\n');
  // The container runtime splits long lines; only the first part gets a time.
  server.add('a'.repeat(16_384));
  server.add('b'.repeat(16_384));
  server.add('c\n');
  server.add('no newline at the end');
  await eventually(async () => (await readBytes().catch(() => Buffer.alloc(0))).length === server.output().length);
  exit();
  await done;
  assert.deepEqual(await readBytes(), server.output());
  assert.equal((await stat(job.logFile)).mode & 0o777, 0o600);
});

test('continues after resets, with lines of one time and in the wrong order', async (t) => {
  const { server, follow, exit, job } = await setUp(t);
  const done = follow();
  const second = BigInt(Date.parse('2026-03-01T12:00:05Z')) * 1_000_000n;
  for (let n = 0; n < 60; n += 1) {
    // Around the turn of a second, where the time in the request is cut off.
    server.add(`line ${n}\n`, { timeNs: second + ([0n, -2n, 0n, 5n][n % 4] ?? 0n) + BigInt(n >> 3) });
    if (n % 3 === 0) server.add(`part ${n} `);
    if (n % 7 === 0) {
      await eventually(async () => (await job.readLog()).includes(`line ${n}\n`));
      server.reset();
    }
  }
  exit();
  await done;
  assert.equal(await job.readLog(), server.output().toString());
});

test('reads the log of a node that cannot watch files again and again, and says why it is late', async (t) => {
  const { server, follow, exit, logged, job, warnings } = await setUp(t);
  server.endsWith = 'failed to create fsnotify watcher: too many open files';
  const done = follow();
  for (let n = 0; n < 5; n += 1) {
    server.add(`line ${n}\n`);
    await logged(`line ${n}\n`);
  }
  exit();
  await done;
  assert.equal(await job.readLog(), server.output().toString());
  assert.equal(warnings.length, 1, warnings.join(''));
  assert.match(
    warnings.join(''),
    /WARN +node cannot follow job log, output arrives late .*reason="failed to create fsnotify watcher: too many open files" remedy="Raise fs\.inotify\.max_user_instances/,
  );
});

test('notices a connection that swallows everything', async (t) => {
  const { server, follow, exit, logged, job } = await setUp(t, { timing: { firstProbeMs: 50, maxProbeMs: 50 } });
  const done = follow();
  server.add('before\n');
  await logged('before');
  server.swallow();
  server.add('after\n');
  await logged('after');
  exit();
  await done;
  assert.equal(await job.readLog(), 'before\nafter\n');
});

test('reads the end although the connection is dead when the container exits', async (t) => {
  const { server, follow, exit, logged, job } = await setUp(t);
  const done = follow();
  server.add('before\n');
  await logged('before');
  server.swallow();
  server.add('after\n');
  exit();
  await done;
  assert.equal(await job.readLog(), 'before\nafter\n');
});

test('a silent job costs few requests', async (t) => {
  const { server, follow, exit, logged } = await setUp(t, { timing: { firstProbeMs: 40, maxProbeMs: 10_000 } });
  const done = follow();
  server.add('before\n');
  await logged('before');
  await delay(700);
  exit();
  await done;
  // One that follows, those after 40, 80, 160, and 320 ms, and one or two at the end.
  assert.ok(server.requests.length <= 8, `${server.requests.length} requests`);
});

test('retries after each kind of failure', async (t) => {
  const { server, follow, exit, job } = await setUp(t);
  server.failures.push(
    (response) => response.writeHead(500).end('broken'),
    (response) => response.writeHead(429, { 'retry-after': '0' }).end(),
    (response) => response.socket?.resetAndDestroy(),
    (response) => response.writeHead(400).end('{"kind":"Status","message":"container is waiting to start"}'),
    (response) => response.writeHead(404).end('{"kind":"Status","reason":"NotFound"}'),
    (response) => response.end('unable to retrieve container logs for containerd://x'),
    (response) => response.writeHead(200).write('2026-03-01T12:0', () => response.destroy()),
  );
  server.add('one\n');
  const done = follow();
  await eventually(async () => (await job.readLog()) === 'one\n');
  exit();
  await done;
  assert.equal(await job.readLog(), 'one\n');
  assert.deepEqual(server.failures, []);
});

test('notes that the node rotated its log while it was not read', async (t) => {
  const { server, follow, exit, logged, job } = await setUp(t);
  const done = follow();
  server.add('one\n');
  server.add('two\n');
  await logged('two');
  server.failures.push(...Array.from({ length: 3 }, () => (response: { destroy(): void }) => response.destroy()));
  server.reset();
  server.add('missing\n');
  server.rotate();
  server.add('three\n');
  await logged('three');
  server.reset();
  server.add('four\n');
  await logged('four');
  exit();
  await done;
  const lines = (await job.readLog()).split('\n');
  const note = lines.splice(2, 1)[0] ?? '';
  assert.match(
    note,
    /^\[plan42: output may be missing here: .* between 2026-\S+Z and 2026-\S+Z, while it was not read/,
  );
  assert.deepEqual(lines, ['one', 'two', 'three', 'four', '']);
});

test('notes that the node rotated its log before it was read', async (t) => {
  const { server, follow, exit, logged, job } = await setUp(t);
  server.add('missing\n');
  server.rotate();
  server.add('one\n');
  const stop = new AbortController();
  const first = follow(stop.signal);
  await logged('one');
  stop.abort();
  await assert.rejects(first);
  server.add('two\n');
  exit();
  await follow();
  assert.match(
    await job.readLog(),
    /^\[plan42: output may be missing here: the node rotated its log before 2026-\S+Z, before it was read; .*\]\none\ntwo\n$/,
  );
});

test('notes that the node has nothing of a log, once, but not for an agent that never ran', async (t) => {
  const { server, follow, exit, job } = await setUp(t);
  server.add('missing\n');
  server.rotate();
  exit();
  await follow(undefined, { hasRun: () => false });
  assert.equal(await job.readLog(), '');
  await follow();
  await follow();
  assert.match(await job.readLog(), /^\[plan42: output may be missing here: .* before it was read; .*\]\n$/);
});

test('an agent without output has an empty log', async (t) => {
  const { follow, exit, job } = await setUp(t);
  exit();
  await follow();
  assert.equal(await job.readLog(), '');
});

test('repeats nothing after a kill, although the line of the saved checkpoint was rotated away', async (t) => {
  const { server, follow, exit, logged, job } = await setUp(t);
  const stop = new AbortController();
  const first = follow(stop.signal);
  const saved = join(job.folder, 'kubernetes-log.json');
  server.add('one\n');
  await logged('one');
  const checkpoint = await readFile(saved);
  server.rotate();
  server.add('two\n');
  server.add('three\n');
  await logged('three');
  stop.abort();
  await assert.rejects(first);
  // As a kill leaves it.
  await writeFile(saved, checkpoint);
  server.add('four\n');
  exit();
  await follow();
  assert.equal(await job.readLog(), 'one\ntwo\nthree\nfour\n');
});

test('repeats nothing after a power failure that follows a note', async (t) => {
  const { server, follow, exit, logged, job } = await setUp(t);
  server.add('missing\n');
  server.rotate();
  const stop = new AbortController();
  const first = follow(stop.signal);
  server.add('one\n');
  await logged('one');
  const checkpoint = await readFile(join(job.folder, 'kubernetes-log.json'));
  server.add('two\n');
  await logged('two');
  stop.abort();
  await assert.rejects(first);
  await writeFile(join(job.folder, 'kubernetes-log.json'), checkpoint);
  await writeFile(join(job.folder, 'kubernetes-log.lines'), '');
  exit();
  await follow();
  assert.match(await job.readLog(), /^\[plan42: .*\]\none\ntwo\n$/);
});

test('reads on without a note when the log is rotated while it is read', async (t) => {
  const { server, follow, exit, logged, job } = await setUp(t);
  const done = follow();
  server.add('one\n');
  await logged('one');
  server.rotate();
  server.add('two\n');
  await logged('two');
  exit();
  await done;
  assert.equal(await job.readLog(), 'one\ntwo\n');
});

for (const [what, fail] of [
  ['the node is gone', (response) => response.writeHead(500).end('dial tcp 10.0.0.1:10250: no route to host')],
  ['the pod is gone', (response) => response.writeHead(404).end('{"kind":"Status","reason":"NotFound"}')],
  ['the API server is gone', (response) => response.destroy()],
] as [string, (response: ServerResponse) => void][]) {
  test(`says that the end is missing if ${what}`, async (t) => {
    const { server, follow, exited, logged, job } = await setUp(t);
    const done = follow();
    server.add('one\n');
    await logged('one');
    server.failures.push(...Array.from({ length: 10_000 }, () => fail));
    server.isAway = what === 'the API server is gone';
    server.reset();
    exited.abort();
    await done;
    assert.match(
      await job.readLog(),
      /^one\n\[plan42: output may be missing here: the node did not return the end of its log after 2026\S+\]\n$/,
    );
  });
}

test('is not whole after responses that are cut off without an error', async (t) => {
  const { server, follow, exited, logged, job } = await setUp(t);
  const done = follow();
  server.add('one\n');
  await logged('one');
  server.reset();
  // Each ends before what the log has, as if nothing had come after it.
  const empty = (response: ServerResponse) => void response.end('');
  server.failures.push(empty, empty, empty);
  server.add('two\n');
  server.exit();
  exited.abort();
  await done;
  assert.equal(await job.readLog(), 'one\ntwo\n');
});

for (const isNodeLost of [true, false]) {
  const what = isNodeLost ? 'that the cluster has lost' : 'whose API server responds';
  test(`does not wait for a node that hangs and ${what}`, async (t) => {
    const timing = { giveUpUnreachableMs: 600_000, ...(isNodeLost && { giveUpMs: 600_000 }) };
    const { server, follow, exited, logged, job } = await setUp(t, { timing });
    const done = follow(undefined, { isNodeLost: () => isNodeLost });
    server.add('one\n');
    await logged('one');
    // Without a response, each attempt would take its half a minute if the node is not known to be lost.
    const hang = (response: ServerResponse) => void (isNodeLost || response.destroy());
    server.failures.push(...Array.from({ length: 10_000 }, () => hang));
    server.reset();
    exited.abort();
    await done;
    assert.match(await job.readLog(), /the node did not return the end of its log/);
  });
}

test('lines of other processes come between lines of the output, each once', async (t) => {
  const { server, follow, exit, logged, job } = await setUp(t);
  const stop = new AbortController();
  const first = follow(stop.signal);
  server.add('one\n');
  await logged('one');
  const write = createLogInput(job);
  assert.equal(write('[plan42: refused a]\n'), true);
  await logged('refused a');
  stop.abort();
  await assert.rejects(first);
  assert.equal(write('[plan42: refused b]\n'), true);
  server.add('two\n');
  const done = follow();
  await logged('two');
  await logged('refused b');
  server.reset();
  server.add('three\n');
  await logged('three');
  exit();
  await done;
  const lines = (await job.readLog()).trimEnd().split('\n');
  assert.deepEqual(lines.toSorted(), ['[plan42: refused a]', '[plan42: refused b]', 'one', 'three', 'two'].toSorted());
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('[')),
    ['one', 'two', 'three'],
  );
});
