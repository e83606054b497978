import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/logger.ts';
import { TokenWatch } from './token-watch.ts';

const hour = 3_600_000;
const day = 24 * hour;

test('warns once a day of a token that ends soon, and of one that has expired', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'text', write: (line) => lines.push(line) });
  let now = 1e12;
  const pass = (ms: number) => {
    for (const end = now + ms; now < end; ) {
      now += hour;
      t.mock.timers.tick(hour);
    }
  };
  const clock = { ...systemClock, now: () => now, date: () => new Date(now) };
  const end = (ms: number) => new Date(now + ms);
  using watch = new TokenWatch({ expiresAt: end(15 * day), logger, clock });
  watch.check();
  pass(day - hour);
  assert.deepEqual([watch.state, lines.length], ['valid', 0]);

  pass(hour);
  assert.equal(watch.state, 'ending');
  assert.match(
    lines[0] ?? '',
    /WARN {2}runner token ends soon expires_at=\S+ ends="in 14 days" remedy="Create a token/,
  );
  pass(14 * day - hour);
  assert.equal(lines.length, 14);

  pass(2 * day + hour);
  assert.equal(watch.state, 'expired');
  assert.match(lines[14] ?? '', /ERROR runner token has expired by the local clock .*ends=now/);
  assert.deepEqual([lines.length, /ends="2 days ago"/.test(lines[16] ?? '')], [17, true]);

  watch.replace(end(90 * day));
  pass(3 * day);
  watch.replace(undefined);
  pass(3 * day);
  assert.deepEqual([watch.state, watch.expiresAt, lines.length], ['valid', undefined, 17]);
  const env = { PLAN42_RUNNER_TOKEN: 'p42r_x' };
  using ofVariable = new TokenWatch({ expiresAt: end(hour), logger, clock, env });
  ofVariable.check();
  assert.match(lines.pop() ?? '', /remedy="Create .* PLAN42_RUNNER_TOKEN, and restart the runner\."/);
  watch.replace(end(hour));
  assert.match(lines[17] ?? '', /ends="in 1 hour"/);
});
