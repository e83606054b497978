import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode } from '../../../lib/errors.ts';
import type { Check, CheckContext } from './check.ts';
import { ok } from './finding.ts';
import { type Outcome, runChecks } from './run-checks.ts';

const check = (name: string, run: Check['run']): Check => ({ name, title: name, run });
const never = () => new Promise<never>(() => {});

async function outcomesOf(checks: Check[], timeoutMs = 10_000, signal = new AbortController().signal) {
  const outcomes: Outcome[] = [];
  const pending: string[] = [];
  const onProgress = (left: readonly Check[]) => pending.push(left.map(({ name }) => name).join());
  const context = { signal } as CheckContext;
  for await (const outcome of runChecks(checks, context, { timeoutMs, onProgress })) outcomes.push(outcome);
  return { outcomes, pending };
}

test('checks run at once and are told in their order', async () => {
  const gate = Promise.withResolvers<void>();
  const { outcomes, pending } = await outcomesOf([
    check('first', async () => {
      await gate.promise;
      return ok('one');
    }),
    check('second', async () => {
      gate.resolve();
      return ok('two');
    }),
  ]);
  assert.deepEqual(
    outcomes.map(({ found }) => found),
    [['one'], ['two']],
  );
  assert.equal(pending[0], 'first,second');
  assert.equal(pending.at(-1), '');
});

test('one that does not end, and does not look at its signal, is told as such when the time is over', async () => {
  // Something that is under way keeps a process alive, as it would be.
  const underWay = setInterval(() => {}, 1000);
  const { outcomes } = await outcomesOf([check('stuck', never), check('fine', async () => ok('fine'))], 50);
  clearInterval(underWay);
  assert.deepEqual(
    outcomes.map(({ status, found }) => [status, found[0]]),
    [
      ['failed', 'it took too long'],
      ['ok', 'fine'],
    ],
  );
});

test('one that throws has failed, and the others have not', async () => {
  const { outcomes } = await outcomesOf([
    check('broken', () => Promise.reject(new TypeError('a bug'))),
    check('fine', async () => ok('fine')),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['failed', 'ok'],
  );
  assert.equal(outcomes[0]?.found[0], 'the check itself failed: a bug');
  assert.equal(outcomes[0]?.exitCode, ExitCode.failed);
});

test('an abort ends it with its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = outcomesOf([check('stuck', never)], 10_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(running, (error) => error === reason);
});
