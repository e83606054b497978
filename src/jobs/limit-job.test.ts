import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeRuntime } from '../../test/support/fake-runtime.ts';
import { parseConfig } from '../config/parse.ts';
import type { EgressPolicy } from '../gateway/policy.ts';
import { silentLogger } from '../lib/logger.ts';
import { limitJob } from './limit-job.ts';

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
