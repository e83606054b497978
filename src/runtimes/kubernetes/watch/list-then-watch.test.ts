import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../../../test/support/eventually.ts';
import { TestClock } from '../../../../test/support/test-clock.ts';
import { type Logger, silentLogger } from '../../../lib/logger.ts';
import { connect } from '../api/connect.ts';
import { listThenWatch, type WatchedObject } from './list-then-watch.ts';

const path = '/api/v1/namespaces/ns/pods';

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** An API server whose next responses are given; after them, it responds with its objects and an idle watch. */
class Server {
  objects: WatchedObject[] = [];
  version = 1;
  /** Replace the next responses of a kind. */
  readonly lists: Answer[] = [];
  readonly watches: Answer[] = [];
  readonly requests: URLSearchParams[] = [];
  readonly open = new Set<ServerResponse>();

  serve(request: IncomingMessage, response: ServerResponse): void {
    const query = new URL(request.url ?? '', 'http://server').searchParams;
    this.requests.push(query);
    const isWatch = query.has('watch');
    const answer = (isWatch ? this.watches : this.lists).shift();
    if (answer) answer(request, response);
    else if (isWatch) this.hold(response);
    else this.list(response);
  }

  list(response: ServerResponse, items = this.objects, next = ''): void {
    response.end(JSON.stringify({ metadata: { resourceVersion: String(this.version), continue: next }, items }));
  }

  hold(response: ServerResponse): void {
    response.writeHead(200).flushHeaders();
    this.open.add(response);
    response.once('close', () => this.open.delete(response));
  }

  send(type: string, object: object): void {
    for (const response of this.open) response.write(`${JSON.stringify({ type, object })}\n`);
  }

  get watchesSeen(): string[] {
    return this.requests.flatMap((query) => (query.has('watch') ? [query.get('resourceVersion') ?? ''] : []));
  }

  get listsSeen(): number {
    return this.requests.filter((query) => !query.has('watch')).length;
  }
}

const pod = (name: string, version: number) => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion: String(version) },
});
const fail =
  (status: number, headers = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, headers).end('{}');
const sendText =
  (text: string): Answer =>
  (_request, response) =>
    response.end(text);
const reset: Answer = (request) => request.socket.destroy();

async function follow(t: TestContext, prepare: (server: Server) => void = () => {}) {
  const server = new Server();
  prepare(server);
  const http = createServer((request, response) => server.serve(request, response)).listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  assert.ok(typeof address === 'object' && address !== null);
  const folder = await mkdtemp(join(tmpdir(), 'kube-watch-'));
  const kubeconfig = join(folder, 'config');
  await writeFile(
    kubeconfig,
    `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: 'http://127.0.0.1:${address.port}', insecure-skip-tls-verify: true } }]
users: [{ name: u, user: {} }]
contexts: [{ name: x, context: { cluster: c, user: u } }]
current-context: x
`,
  );
  const api = await connect({ kubeconfig }, {});
  const clock = new TestClock();
  const stop = new AbortController();
  const seen: string[] = [];
  const logger: Logger = silentLogger;
  const options = {
    api,
    path,
    labelSelector: 'a=b',
    keep: ({ metadata }: WatchedObject) => metadata.name,
    onList: (names: readonly string[]) => void seen.push(`list ${names.join(' ')}`.trim()),
    onChange: (name: string) => void seen.push(`change ${name}`),
    onDelete: (name: string) => void seen.push(`delete ${name}`),
    logger,
    clock,
    signal: stop.signal,
    random: () => 1,
  };
  const done = listThenWatch(options).catch((error: unknown) => error);
  t.after(async () => {
    stop.abort(new Error('stop'));
    assert.match(String(await done), /stop/);
    http.closeAllConnections();
    http.close();
    await rm(folder, { recursive: true });
  });
  /** Advances the clock, in small steps, until the condition is met. */
  const passTime = (condition: () => boolean) =>
    eventually(async () => {
      if (condition()) return true;
      await clock.advance(100);
      await delay(1);
      return false;
    });
  return { server, clock, seen, passTime };
}

test('lists all pages, then watches from the version of the list', async (t) => {
  const { server, seen, passTime } = await follow(t, (prepared) => {
    prepared.version = 7;
    prepared.lists.push(
      (_request, response) => prepared.list(response, [pod('a', 1)], 'more'),
      (_request, response) => prepared.list(response, [pod('b', 2)]),
    );
  });
  await passTime(() => server.open.size === 1);
  assert.deepEqual(seen, ['list a b']);
  assert.equal(server.requests[1]?.get('continue'), 'more');
  assert.equal(server.requests[1]?.get('labelSelector'), 'a=b');
  assert.deepEqual(server.watchesSeen, ['7']);
  server.send('ADDED', pod('c', 8));
  server.send('MODIFIED', pod('c', 9));
  server.send('DELETED', pod('c', 10));
  await passTime(() => seen.length === 4);
  assert.deepEqual(seen.slice(1), ['change c', 'change c', 'delete c']);
});

test('a watch that the server ends continues after its last event, bookmarks included', async (t) => {
  const { server, passTime } = await follow(t);
  await passTime(() => server.open.size === 1);
  server.send('BOOKMARK', { metadata: { resourceVersion: '40' } });
  for (const response of server.open) response.end();
  await passTime(() => server.watchesSeen.length === 2);
  assert.deepEqual([server.watchesSeen, server.listsSeen], [['1', '40'], 1]);
});

const event = `${JSON.stringify({ type: 'ADDED', object: pod('a', 5) })}\n`;
const expired = JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
const overloaded = JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 500, message: 'etcd' } });

/** Responses to a watch, and whether a list must follow before the next watch. */
const watchFaults: Readonly<Record<string, { answer: Answer; lists: 1 | 2; from: string }>> = {
  '410 as status': { answer: fail(410), lists: 2, from: '1' },
  '410 as event': { answer: sendText(`${event}${expired}\n`), lists: 2, from: '1' },
  '500 as status': { answer: fail(500), lists: 1, from: '1' },
  '500 as event': { answer: sendText(`${event}${overloaded}\n`), lists: 1, from: '5' },
  'a reset connection': { answer: reset, lists: 1, from: '1' },
  'an end in the middle of an event': { answer: sendText(event + event.slice(0, 20)), lists: 1, from: '5' },
  'a damaged event': { answer: sendText(`${event}{"type":\n`), lists: 1, from: '5' },
  'a page of a proxy': { answer: sendText('<html>\n'), lists: 1, from: '1' },
  'an end at once': { answer: sendText(''), lists: 1, from: '1' },
};

for (const [name, { answer, lists, from }] of Object.entries(watchFaults)) {
  test(`a watch survives ${name}`, async (t) => {
    const { server, seen, passTime } = await follow(t, (prepared) => prepared.watches.push(answer));
    await passTime(() => server.open.size === 1);
    assert.deepEqual([server.watchesSeen, server.listsSeen], [['1', from], lists]);
    server.send('ADDED', pod('z', 9));
    await passTime(() => seen.at(-1) === 'change z');
  });
}

const listFaults: Readonly<Record<string, Answer>> = {
  'an expired list': fail(410),
  'a refused request': fail(500),
  'a reset connection': reset,
  'a cut off response': sendText('{"items":['),
  'a page of a proxy': sendText('{"error":"login"}'),
};

for (const [name, answer] of Object.entries(listFaults)) {
  test(`${name} is never taken for an empty list`, async (t) => {
    const { server, seen, passTime } = await follow(t, (prepared) => {
      prepared.objects = [pod('a', 1)];
      // The second page fails: what the first one had is not the whole.
      prepared.lists.push((_request, response) => prepared.list(response, [pod('a', 1)], 'more'), answer);
    });
    await passTime(() => server.open.size === 1);
    assert.deepEqual(seen, ['list a']);
  });
}

test('waits as long as the server asks, but not for hours', async (t) => {
  const { server, clock, passTime } = await follow(t, (prepared) => {
    prepared.watches.push(fail(429, { 'retry-after': '7' }), fail(429, { 'retry-after': '36000' }));
  });
  await passTime(() => clock.sleeping === 1 && server.watchesSeen.length === 1);
  const first = clock.now();
  await passTime(() => server.watchesSeen.length === 2);
  assert.ok(clock.now() - first >= 6900, `${clock.now() - first} ms`);
  const second = clock.now();
  await passTime(() => server.open.size === 1);
  assert.ok(clock.now() - second <= 62_000, `${clock.now() - second} ms`);
});

test('waits longer with each failure, at most 10 s, and lists again after three', async (t) => {
  const { server, clock, passTime } = await follow(t, (prepared) => {
    for (let n = 0; n < 9; n += 1) prepared.watches.push(fail(503));
  });
  const times: number[] = [];
  for (let n = 1; n <= 9; n += 1) {
    await passTime(() => server.watchesSeen.length === n);
    times.push(clock.now());
  }
  const waits = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  assert.ok(
    waits.every((ms) => ms <= 10_500),
    String(waits),
  );
  assert.ok((waits.at(-1) ?? 0) >= 9500, String(waits));
  assert.ok(server.listsSeen > 1);
});

test('a connection that swallows everything is replaced within 60 s', async (t) => {
  const { server, clock, seen, passTime } = await follow(t);
  await passTime(() => server.open.size === 1);
  const startedAt = clock.now();
  await passTime(() => server.watchesSeen.length === 2 && server.open.size === 1);
  assert.ok(clock.now() - startedAt <= 60_000, `${clock.now() - startedAt} ms`);
  server.send('ADDED', pod('a', 5));
  await passTime(() => seen.at(-1) === 'change a');
});

test('a fault of a callback is not retried', async () => {
  const api = {
    request: <T>() => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] } as T),
    stream: () => Promise.reject(new Error('not reached')),
  };
  const onList = () => {
    throw new TypeError('a bug');
  };
  const { signal } = new AbortController();
  const ignore = () => {};
  const options = {
    api,
    path,
    keep: () => 1,
    onList,
    onChange: ignore,
    onDelete: ignore,
    logger: silentLogger,
    signal,
  };
  await assert.rejects(listThenWatch(options), new TypeError('a bug'));
});
