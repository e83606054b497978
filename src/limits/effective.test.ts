import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../config/parse.ts';
import { UserError } from '../lib/errors.ts';
import { effectiveLimits } from './effective.ts';

function limitsOf(file: string, variables: Record<string, string> = {}) {
  const { config, problems } = parseConfig({ file, env: {}, flags: new Map() });
  assert.deepEqual(problems, []);
  const list = Object.entries(variables).map(([Name, Value]) => ({ Name, Value, IsSecret: false }));
  return effectiveLimits(config, list);
}

test('without settings, a job has no limits but that of its log', () => {
  assert.deepEqual(limitsOf(''), { limits: {}, maxLogMib: 200, notes: [] });
});

test('an environment lowers limits and sets missing ones, and never raises them', () => {
  const file = `[limits]\nmax_duration = "2h"\ndisk_gib = 5\nmax_log_mib = 50`;
  const lowered = limitsOf(file, {
    PLAN42_LIMITS_MAX_DURATION: '30m',
    PLAN42_LIMITS_IDLE_TIMEOUT: ' 5m ',
    PLAN42_LIMITS_DISK_GIB: '6',
    PLAN42_LIMITS_MAX_LOG_MIB: '10',
    OTHER: 'x',
  });
  assert.deepEqual(lowered, {
    limits: { max_duration: 1800_000, idle_timeout: 300_000, disk_gib: 5 * 2 ** 30 },
    maxLogMib: 10,
    notes: ['PLAN42_LIMITS_DISK_GIB is above the limit of the runner'],
  });
});

test('the smaller of the two limits of the log counts', () => {
  assert.equal(limitsOf('jobs.max_log_mib = 30\nlimits.max_log_mib = 40').maxLogMib, 30);
  assert.equal(limitsOf('jobs.max_log_mib = 30\nlimits.max_log_mib = 20').maxLogMib, 20);
});

test('a variable that is not understood refuses the job, with its name', () => {
  const error = (() => {
    try {
      return limitsOf('', { PLAN42_LIMITS_MAX_DURATION: 'soon' });
    } catch (caught) {
      return caught;
    }
  })();
  assert.ok(error instanceof UserError);
  assert.match(error.message, /^cannot limit the job: PLAN42_LIMITS_MAX_DURATION of its environment is not a duration/);
});

test('entries of the environment that are no variables are skipped', () => {
  const { config } = parseConfig({ file: '', env: {}, flags: new Map() });
  for (const odd of [undefined, null, 'text', [null, 1, { Name: 'PLAN42_LIMITS_MAX_DURATION' }]])
    assert.deepEqual(effectiveLimits(config, odd).limits, {});
});
