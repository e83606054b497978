import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, silentLogger } from '../lib/logger.ts';
import { persevere } from './persevere.ts';

const never = new AbortController().signal;

test('what fails is tried again until it works, and the first failure is told', async () => {
  const logged: string[] = [];
  const waits: number[] = [];
  const logger = createLogger({ level: 'info', format: 'text', write: (line) => logged.push(line) });
  let tries = 0;
  await persevere(
    async () => {
      tries += 1;
      if (tries < 9) throw new Error('ENOSPC');
    },
    { failure: 'it could not be written', logger, signal: never, sleep: async (ms) => void waits.push(ms) },
  );
  assert.equal(tries, 9);
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /WARN {2}it could not be written; it is tried again until it works error=ENOSPC/);
  assert.ok(Math.max(...waits) <= 15_000);
});

test('an abort ends the waiting and the trying', async () => {
  const controller = new AbortController();
  const reason = new Error('the runner stops');
  const failing = persevere(() => Promise.reject(new Error('no')), {
    failure: 'it failed',
    logger: silentLogger,
    signal: controller.signal,
  });
  controller.abort(reason);
  await assert.rejects(failing, (error) => error === reason);
});
