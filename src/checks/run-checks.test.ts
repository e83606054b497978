import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode } from '../lib/errors.ts';
import type { Check, CheckContext } from './check.ts';
import { passed } from './finding.ts';
import { type CheckResult, runChecks } from './run-checks.ts';

const check = (name: string, run: Check['run']): Check => ({ name, title: name, run });
const found = async (message: string) => [passed('x', message)];
const never = () => new Promise<never>(() => {});

async function resultsOf(checks: Check[], timeoutMs = 10_000, signal = new AbortController().signal) {
  const results: CheckResult[] = [];
  const pending: string[] = [];
  const onProgress = (left: readonly Check[]) => pending.push(left.map(({ name }) => name).join());
  const readConfig = () => Promise.reject(new Error('no configuration'));
  const context = { signal, env: {}, readConfig: readConfig as CheckContext['readConfig'] } as CheckContext;
  for await (const result of runChecks(checks, context, { timeoutMs, onProgress })) results.push(result);
  return { results, pending };
}

test('checks run concurrently and are reported in order', async () => {
  const gate = Promise.withResolvers<void>();
  const { results, pending } = await resultsOf([
    check('first', async () => {
      await gate.promise;
      return found('one');
    }),
    check('second', async () => {
      gate.resolve();
      return found('two');
    }),
  ]);
  assert.deepEqual(
    results.map(({ findings }) => findings[0]?.message),
    ['one', 'two'],
  );
  assert.equal(pending[0], 'first,second');
  assert.equal(pending.at(-1), '');
});

test('checks that take long start when the others have finished, and are reported in their places', async () => {
  const events: string[] = [];
  const gate = Promise.withResolvers<void>();
  const short = check('short', async () => {
    setImmediate(() => gate.resolve());
    await gate.promise;
    events.push('short has finished');
    return found('two');
  });
  const long = check('long', async () => {
    events.push('long has started');
    return found('one');
  });
  const { results } = await resultsOf([{ ...long, timeoutMs: 60_000 }, short], 60_000);
  assert.deepEqual(events, ['short has finished', 'long has started']);
  assert.deepEqual(
    results.map(({ findings }) => findings[0]?.message),
    ['one', 'two'],
  );
});

test('a check that ignores its signal fails at the time limit', async () => {
  // Keeps the process alive, as a pending operation would.
  const underWay = setInterval(() => {}, 1000);
  const { results } = await resultsOf([check('stuck', never), check('fine', () => found('fine'))], 50);
  clearInterval(underWay);
  assert.deepEqual(
    results.map(({ status, findings, isUnfinished }) => [status, findings[0]?.message, isUnfinished]),
    [
      ['failed', 'not completed in time', true],
      ['ok', 'fine', false],
    ],
  );
});

test('an error fails only its own check', async () => {
  const { results } = await resultsOf([
    check('broken', () => Promise.reject(new TypeError('a bug'))),
    check('fine', () => found('fine')),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['failed', 'ok'],
  );
  assert.equal(results[0]?.findings[0]?.message, 'the check crashed: a bug');
  assert.equal(results[0]?.findings[0]?.exitCode, ExitCode.failed);
});

test('aborting rejects with the reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = resultsOf([check('stuck', never)], 10_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(running, (error) => error === reason);
});

test('an interruption waits for what a check removes, if it starts containers', async () => {
  const controller = new AbortController();
  const { promise: started, resolve: start } = Promise.withResolvers<void>();
  let isRemoved = false;
  const container = check('container', async ({ signal }) => {
    start();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    isRemoved = true;
    throw signal.reason;
  });
  const running = resultsOf([{ ...container, timeoutMs: 60_000 }], 10_000, controller.signal);
  await started;
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(running, (error) => error === reason);
  assert.ok(isRemoved);
});
