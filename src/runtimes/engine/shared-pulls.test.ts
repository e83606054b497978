import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandResult } from '../../lib/run-command.ts';
import { SharedPulls } from './shared-pulls.ts';

const done: CommandResult = { exitCode: 0, stdout: '', stderr: '' };

/** Pulls that end when the test says so. */
function makePulls() {
  const pulls = new SharedPulls();
  const begun: { end: () => void; signal: AbortSignal }[] = [];
  let running = 0;
  let mostAtOnce = 0;
  const pull = async (signal: AbortSignal) => {
    running += 1;
    mostAtOnce = Math.max(mostAtOnce, running);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    begun.push({ end: resolve, signal });
    await promise.finally(() => {
      running -= 1;
    });
    return done;
  };
  const request = (image: string, { acceptsBegun = false, signal }: { acceptsBegun?: boolean; signal?: AbortSignal }) =>
    pulls.pull(image, { acceptsBegun, signal, pull });
  return { request, begun, mostAtOnce: () => mostAtOnce };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('requests during a pull share the next one, which begins after all of them', async () => {
  const { request, begun, mostAtOnce } = makePulls();
  const first = request('a:1', {});
  await settle();
  const others = [request('a:1', {}), request('a:1', {}), request('a:1', {})];
  await settle();
  assert.equal(begun.length, 1);
  begun[0]?.end();
  await first;
  await settle();
  assert.equal(begun.length, 2);
  begun[1]?.end();
  await Promise.all(others);
  assert.deepEqual([begun.length, mostAtOnce()], [2, 1]);
});

test('a request to which any image will do shares the pull that is running', async () => {
  const { request, begun } = makePulls();
  const both = [request('a:1', { acceptsBegun: true }), request('a:1', { acceptsBegun: true })];
  await settle();
  begun[0]?.end();
  await Promise.all(both);
  assert.equal(begun.length, 1);
});

test('pulls of several images run at once', async () => {
  const { request, begun } = makePulls();
  const both = [request('a:1', {}), request('b:1', {})];
  await settle();
  assert.equal(begun.length, 2);
  for (const { end } of begun) end();
  await Promise.all(both);
});

test('a pull ends when nothing waits for it any more, and not before', async () => {
  const { request, begun } = makePulls();
  const [first, second] = [new AbortController(), new AbortController()];
  const both = [
    request('a:1', { acceptsBegun: true, signal: first.signal }),
    request('a:1', { acceptsBegun: true, signal: second.signal }),
  ];
  await settle();
  first.abort(new Error('killed'));
  await assert.rejects(both[0] ?? Promise.resolve(), /killed/);
  assert.equal(begun[0]?.signal.aborted, false);
  second.abort(new Error('stopped'));
  await assert.rejects(both[1] ?? Promise.resolve(), /stopped/);
  assert.equal(begun[0]?.signal.aborted, true);
  const next = request('a:1', { acceptsBegun: true });
  await settle();
  begun[1]?.end();
  await next;
});

test('a pull that fails does not fail the one after it', async () => {
  const { request, begun } = makePulls();
  const controller = new AbortController();
  const first = request('a:1', { signal: controller.signal });
  await settle();
  const second = request('a:1', {});
  controller.abort(new Error('killed'));
  await assert.rejects(first, /killed/);
  await settle();
  begun[1]?.end();
  assert.equal((await second).exitCode, 0);
});
