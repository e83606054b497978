import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { ApiError } from './errors.ts';
import { createTransport } from './transport.ts';
import { streamTurnLogs, type TurnLogEntry } from './turn-logs.ts';

type Answer = (response: ServerResponse) => void;

const entry = (index: number) =>
  `event: log\ndata: {"Timestamp":"2025-01-01T00:00:00Z","Message":"m${index}"}\nid: ${index}\nretry: 20\n\n`;

/** Streams from a server that gives one answer after the other. */
async function stream(answers: Answer[], signal?: AbortSignal) {
  const lastEventIds: (string | undefined)[] = [];
  const pauses: number[] = [];
  await using server = createServer((request, response) => {
    lastEventIds.push(request.headers['last-event-id'] as string | undefined);
    answers[lastEventIds.length - 1]?.(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const transport = createTransport({});
  const baseUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const sleep = async (ms: number) => void pauses.push(ms);
  const entries: TurnLogEntry[] = [];
  const work = async () => {
    for await (const e of streamTurnLogs({ transport, baseUrl, token: 'x', userAgent: 't' }, '/logs', {
      sleep,
      signal,
    }))
      entries.push(e);
  };
  const error = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await transport.destroy();
  return {
    indices: entries.map(({ index }) => index),
    messages: entries.map(({ message }) => message),
    lastEventIds,
    pauses,
    error,
  };
}

const ok: (text: string) => Answer = (text) => (response) => response.end(text);
const over: Answer = (response) => response.writeHead(204).end();
const status: (code: number) => Answer = (code) => (response) => response.writeHead(code).end('{}');
const cut: (text: string) => Answer = (text) => (response) => response.write(text, () => response.destroy());

describe('streamTurnLogs', () => {
  it('gives up at an event that is too large, because it would come again', async () => {
    const huge = ok(`event: log\ndata: ${'x'.repeat(17 * 2 ** 20)}\n\n`);
    const run = await stream([ok(entry(0)), huge, over]);
    assert.match(String(run.error), /an event is larger than/);
    assert.deepEqual(run.lastEventIds, [undefined, '0']);
  });

  it('resumes after the last entry until there are no more', async () => {
    const run = await stream([ok(entry(0)), cut(entry(1) + entry(2)), ok(entry(3)), over]);
    assert.deepEqual(run.messages, ['m0', 'm1', 'm2', 'm3']);
    assert.deepEqual(run.lastEventIds, [undefined, '0', '2', '3']);
    assert.equal(run.error, undefined);
    assert.deepEqual([run.pauses[0], run.pauses[2]], [20, 20]);
  });

  it('yields no entry twice', async () => {
    const run = await stream([ok(entry(0) + entry(1)), ok(entry(0) + entry(1) + entry(2)), over]);
    assert.deepEqual(run.indices, [0, 1, 2]);
  });

  it('skips other events', async () => {
    const text = `: hi\n\nevent: other\ndata: {}\nid: 1\n\nevent: log\ndata: {\nid: 2\n\n${entry(3)}`;
    assert.deepEqual((await stream([ok(text), over])).indices, [3]);
  });

  it('retries after server failures, a limited number of times', async () => {
    const recovered = await stream([status(503), ok(entry(0)), over]);
    assert.deepEqual([recovered.indices, recovered.error], [[0], undefined]);
    const gone = await stream(Array.from({ length: 20 }, () => status(503)));
    assert.ok(gone.error instanceof ApiError);
    assert.equal(gone.lastEventIds.length, 11);
  });

  it('does not retry when rejected', async () => {
    const run = await stream([status(403), over]);
    assert.ok(run.error instanceof ApiError);
    assert.equal(run.lastEventIds.length, 1);
  });

  it('ends with the reason of its signal', async () => {
    const controller = new AbortController();
    const hold: Answer = (response) => response.write(entry(0), () => setImmediate(() => controller.abort()));
    const run = await stream([hold], controller.signal);
    assert.equal(run.error, controller.signal.reason);
  });
});
