/** The load, in a process of its own, so that what it costs does not delay the requests that are timed. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { machineHeaders } from '../../../src/plan42/runner-headers.ts';
import { FakeRunner } from '../../../test/support/fake-runner.ts';
import { type Uploads, uploadAtRate } from './agents.ts';
import type { RunningTurn } from './fill.ts';
import { Followers } from './followers.ts';

export interface LoadOptions {
  url: string;
  tenantId: string;
  tenantToken: string;
  runnerToken: string;
  turns: RunningTurn[];
  queues: number;
  streams: number;
  uploadsPerSecond: number;
}

export interface LoadReport {
  uploads: Uploads;
  deliveryMs: number[];
  incomplete: number;
  turns: RunningTurn[];
}

const queuesOfMachine = 5;
const settleMs = 2000;

/** Sends a message to the parent, and returns its next one. */
async function ask<Answer>(message: unknown): Promise<Answer> {
  const answer = once(process, 'message');
  process.send?.(message);
  const [content] = (await answer) as [Answer];
  return content;
}

const options = await ask<LoadOptions>('started');
const { url, tenantId, turns } = options;
await using resources = new AsyncDisposableStack();
const transport = new Agent();
resources.defer(() => transport.destroy());
let instanceId = '';
for (let i = 0; i < options.queues; i += 1) {
  if (i % queuesOfMachine === 0) instanceId = randomUUID();
  const machine = `machine-${Math.floor(i / queuesOfMachine)}`;
  const run = instanceId.slice(0, 8);
  let sequence = 0;
  const headers = () => {
    sequence += 1;
    return machineHeaders({ instanceId, machine, slots: { free: 1, max: 8, run, sequence, reason: undefined } });
  };
  const runner = resources.use(new FakeRunner({ url, token: options.runnerToken, headers }));
  await runner.register();
  runner.start();
}
const followers = resources.use(
  await Followers.open({ ...options, token: options.tenantToken, count: options.streams }),
);
await ask('ready');
const stop = new AbortController();
const uploading = uploadAtRate({ url, tenantId, transport }, turns, options.uploadsPerSecond, stop.signal);
await ask('uploading');
stop.abort();
const uploads = await uploading;
await sleep(settleMs);
const { deliveryMs, incomplete } = followers;
await ask({ uploads, deliveryMs, incomplete, turns } satisfies LoadReport);
process.disconnect?.();
