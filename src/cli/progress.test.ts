import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { withProgress } from './progress.ts';

function terminal(isTTY = true) {
  const written: string[] = [];
  const stderr = new Writable({ write: (chunk, _encoding, done) => done(void written.push(String(chunk))) });
  return { written, context: { stderr: Object.assign(stderr, { isTTY }), env: {} as NodeJS.ProcessEnv } };
}

test('long work shows progress on a terminal, and clears it', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const { written, context } = terminal();
  const work = Promise.withResolvers<string>();
  const done = withProgress(context, 'Stopping the runner', () => work.promise);
  const pass = (ms: number) => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  pass(400);
  assert.deepEqual(written, []);
  now = 3200;
  t.mock.timers.tick(100);
  assert.match(written.at(-1) ?? '', /Stopping the runner … 3 s$/);
  work.resolve('result');
  assert.equal(await done, 'result');
  assert.equal(written.at(-1), '\r\x1b[2K');
});

test('without a terminal nothing is shown', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  for (const { isTTY, env } of [
    { isTTY: false, env: {} },
    { isTTY: true, env: { TERM: 'dumb' } },
  ]) {
    const { written, context } = terminal(isTTY);
    await withProgress({ ...context, env }, 'Stopping the runner', async () => {
      now += 5000;
      t.mock.timers.tick(5000);
    });
    assert.deepEqual(written, []);
  }
});
