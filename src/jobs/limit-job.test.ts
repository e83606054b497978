import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeRuntime } from '../../test/support/fake-runtime.ts';
import { parseConfig } from '../config/parse.ts';
import type { EgressPolicy } from '../gateway/policy.ts';
import { silentLogger } from '../lib/logger.ts';
import type { JobLimits } from '../limits/limits.ts';
import { armWarden, limitJob } from './limit-job.ts';

const wall: EgressPolicy = { version: 1, jobId: 'job', mode: 'enforce', rules: [], addresses: [], remedy: '' };

async function limit(file: string, egress: EgressPolicy | 'none' = wall) {
  const { config } = parseConfig({ file, env: {}, flags: new Map() });
  const runtime = createFakeRuntime();
  const deps = { config, runtime, invocation: undefined, env: {}, logger: silentLogger };
  return (await limitJob(deps, { image: 'ghcr.io/acme/agent:1', egress: egress === 'none' ? undefined : egress }))
    .limits;
}

const price = '[limits.prices.m]\ninput = 1\noutput = 1\n';

test('limits of tokens and money hold behind the wall, with the broker', async () => {
  assert.deepEqual(await limit(`[limits]\nmax_tokens = 5\nmax_cost = 0.5\n${price}`), { max_tokens: 5, max_cost: 0.5 });
});

test('in a cluster, the gateway holds limits of tokens, and the agent gets to know all of its limits', async () => {
  const { config } = parseConfig({ file: '[limits]\nwrap_up = "9s"', env: {}, flags: new Map() });
  const runtime = { ...createFakeRuntime(), holdsLimits: true };
  const job = { jobId: 'j', folder: '/nowhere', logFile: '/nowhere/log' };
  const arm = (limits: JobLimits) => armWarden(job, { limits }, { config, runtime, env: {} });
  const held = { maxDurationMs: 60_000, diskBytes: undefined, wrapUpMs: 9000 };
  assert.deepEqual(await arm({ max_duration: 60_000 }), { mounts: [], limits: held });
  const both = { max_duration: 60_000, max_tokens: 5 };
  assert.deepEqual(await arm(both), {
    mounts: [],
    limits: { ...held, counted: both },
    variables: { PLAN42_LIMITS: '/plan42-limits/limits.json' },
  });
});

test('a job whose models are not read is refused, with the reason', async () => {
  const tokens = '[limits]\nmax_tokens = 5\n';
  await assert.rejects(
    limit(tokens, 'none'),
    /cannot hold limits\.max_tokens: the job reaches models without a gateway/,
  );
  await assert.rejects(limit(`${tokens}[credentials]\nbroker = "off"`), /credentials\.broker is "off"/);
  const offImage = `${tokens}[credentials]\noff_images = ["ghcr.io/acme/*"]`;
  await assert.rejects(limit(offImage), /its image ghcr\.io\/acme\/agent:1 is in credentials\.off_images/);
  await assert.rejects(limit('[limits]\nmax_cost = 5\n'), /cannot hold limits\.max_cost: no model has a price/);
});
