import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import type { LedgerEntry } from '../gateway/models/ledger.ts';
import type { ReachedLimit } from '../gateway/pod/channel.ts';
import type { PodWarden } from '../gateway/pod/warden.ts';
import { createPodWarden } from './pod-warden.ts';

const call = (tokens: number, cost = 0): LedgerEntry => ({
  ...{
    model: 'm',
    inputTokens: tokens,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
  },
  ...{ isEstimate: false, provider: 'p', startedAt: '2026-01-01T00:00:00Z', completedAt: '2026-01-01T00:00:01Z', cost },
});

interface Received {
  kind: string;
  killInMs: number;
  file: { reached: string | null; reason: string | null; limits: { limit: string; used: number | null }[] };
}

/** Stands in for the process in the pod of the job. Confirms each message unless it is mute. */
async function connectPod(warden: PodWarden, { isMute = false } = {}) {
  await using stack = new AsyncDisposableStack();
  const server = createServer((socket) => warden.accept(socket));
  stack.defer(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket: Socket = connect((server.address() as { port: number }).port, '127.0.0.1');
  stack.defer(() => void socket.destroy());
  const messages: Received[] = [];
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUInt32BE(5)) {
      const size = rest.readUInt32BE(5);
      const file = JSON.parse(rest.toString('utf8', 9, 9 + size));
      messages.push({ kind: rest.toString('latin1', 0, 1), killInMs: rest.readUInt32BE(1), file });
      if (!isMute) socket.write(rest.subarray(0, 1));
      rest = rest.subarray(9 + size);
    }
  });
  await once(socket, 'connect');
  const owned = stack.move();
  return {
    messages,
    has: (count: number) => eventually(async () => messages.length >= count),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function start(folder: string, limits: Record<string, number>, wrapUpMs = 30_000) {
  const lines: string[] = [];
  const notices: string[] = [];
  const reached: ReachedLimit[] = [];
  const warden = await createPodWarden({
    folder,
    given: { version: 1, limits, wrapUpMs },
    writeLine: (line) => lines.push(line),
    writeNotice: (limit) => notices.push(limit),
    writeReached: (each) => reached.push(each),
  });
  return { warden, lines, notices, reached };
}

test('a job gets a notice and its end, with the sentences of other runtimes', async () => {
  await using dir = await makeTempDir();
  const { warden, lines, notices, reached } = await start(dir.path, { max_duration: 60_000, max_tokens: 1000 });
  await using pod = await connectPod(warden);
  await pod.has(1);
  assert.equal(pod.messages[0]?.kind, 'S');
  assert.deepEqual(
    pod.messages[0]?.file.limits.map(({ limit, used }) => [limit, used]),
    [
      ['max_duration', null],
      ['max_tokens', null],
    ],
  );
  warden.take(call(799));
  warden.take(call(2));
  await pod.has(2);
  assert.deepEqual(lines, [
    'plan42: limits: 80 % used: its models used 801 tokens, and limits.max_tokens is 1,000 tokens; the job ends at the limit',
  ]);
  assert.deepEqual(notices, ['max_tokens']);
  assert.equal(pod.messages[1]?.kind, 'N');
  assert.equal(pod.messages[1]?.file.reached, null);
  warden.take(call(199));
  warden.take(call(50));
  await eventually(async () => reached.length > 0);
  const last = pod.messages.at(-1);
  assert.deepEqual([last?.kind, last?.file.reached], ['E', 'max_tokens']);
  assert.ok((last?.killInMs ?? 0) > 20_000 && (last?.killInMs ?? 0) <= 30_000);
  assert.equal(last?.file.reason, 'its models used 1,000 tokens, and limits.max_tokens is 1,000 tokens');
  assert.equal(
    lines[1],
    'plan42: limits: limit reached: its models used 1,000 tokens, and limits.max_tokens is 1,000 tokens; SIGTERM now, SIGKILL in 30 s',
  );
  assert.deepEqual(
    reached.map(({ limit, used, wrapUpMs }) => [limit, used, wrapUpMs]),
    [['max_tokens', 1000, 30_000]],
  );
});

test('the end is reported as soon as the pod has confirmed it', async () => {
  await using dir = await makeTempDir();
  const { warden, reached } = await start(dir.path, { max_cost: 0.5 });
  warden.take(call(1, 0.1));
  warden.take(call(1, 0.4));
  // Nothing has got SIGTERM yet.
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.deepEqual([reached, warden.reached()], [[], undefined]);
  await using _pod = await connectPod(warden);
  await eventually(async () => reached.length === 1);
  assert.deepEqual([reached[0]?.limit, reached[0]?.used], ['max_cost', 0.5]);
  assert.deepEqual(warden.reached(), reached[0]);
});

test('a pod that does not confirm is reported all the same', async () => {
  await using dir = await makeTempDir();
  const { warden, reached } = await start(dir.path, { max_tokens: 5 });
  await using _pod = await connectPod(warden, { isMute: true });
  warden.take(call(5));
  await eventually(async () => reached.length === 1, 20_000);
});

test('after a restart, the end continues with the rest of its time, and nothing is said twice', async () => {
  await using dir = await makeTempDir();
  const first = await start(dir.path, { max_tokens: 100 }, 60_000);
  await using pod = await connectPod(first.warden);
  first.warden.take(call(85));
  first.warden.take(call(20));
  await eventually(async () => first.reached.length === 1);
  assert.equal(pod.messages.at(-1)?.kind, 'E');
  const second = await start(dir.path, { max_tokens: 100 }, 60_000);
  second.warden.take(call(85));
  second.warden.take(call(20));
  await using again = await connectPod(second.warden);
  await again.has(1);
  await eventually(async () => second.reached.length === 1);
  const [message] = again.messages;
  assert.deepEqual([message?.kind, message?.file.reached], ['E', 'max_tokens']);
  assert.ok((message?.killInMs ?? 0) < 60_000);
  assert.deepEqual([second.lines, second.notices], [[], []]);
  assert.deepEqual(second.reached, first.reached);
});
