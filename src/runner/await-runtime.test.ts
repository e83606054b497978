import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeRuntime } from '../../test/support/fake-runtime.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { parseConfig } from '../config/parse.ts';
import { createControlClient } from '../control/client.ts';
import { UserError } from '../lib/errors.ts';
import { createLogger, silentLogger } from '../lib/logger.ts';
import { RuntimeUnavailable } from '../runtimes/select.ts';
import { awaitRuntime } from './await-runtime.ts';
import { RunnerHealth } from './health.ts';

async function setUp() {
  const dir = await makeTempDir();
  let log = '';
  const write = (text: string) => {
    log += text;
  };
  const logger = createLogger({ level: 'info', format: 'text', write, onError: () => {} });
  const health = new RunnerHealth(logger);
  const abort = new AbortController();
  const { config } = parseConfig({ env: {}, flags: new Map([['runner.runtime', 'kubernetes']]) });
  const paths = { configFile: `${dir.path}/file`, stateDir: dir.path, logDir: dir.path };
  const tokenWatch = { expiresAt: undefined, state: 'valid' as const };
  const identity = { tenantId: 't', runnerId: 'r', instanceId: 'i' };
  const control = {
    ...{ paths, config, version: '1', startedAt: new Date(), health, tokenWatch, identity, logger: silentLogger },
    ...{ incompleteLists: { latest: undefined }, lastError: () => undefined },
  };
  let readies = 0;
  const notifier = {
    ready: () => {
      readies += 1;
    },
  };
  // Each pause lets the test look.
  const pauses: (() => Promise<void>)[] = [];
  const clock = {
    now: () => 0,
    date: () => new Date(),
    sleep: async (_ms: number, signal?: AbortSignal) => {
      await pauses.shift()?.();
      signal?.throwIfAborted();
    },
  };
  const client = createControlClient(dir.path);
  const deps = { control, health, notifier, logger, signal: abort.signal, clock };
  return {
    ...{ deps, pauses, health, abort, client },
    log: () => log,
    readies: () => readies,
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

const away = (reason: string) => new RuntimeUnavailable('kubernetes', { reason, remedy: 'Start the cluster.' });

test('a runtime that may become ready is awaited, with the newest reason in log, health and status', async () => {
  await using setting = await setUp();
  const { deps, pauses, health, client } = setting;
  const runtime = createFakeRuntime();
  const outcomes = [away('refused'), away('refused'), away('overloaded'), runtime];
  const select = async () => {
    const next = outcomes.shift();
    if (next === undefined || next instanceof Error) throw next ?? new Error('called too often');
    return next;
  };
  const { signal } = new AbortController();
  const seen: string[] = [];
  const look = async () => {
    const { phase, troubles, runtime: name, jobs } = await client.status(signal);
    seen.push(`${name} ${phase} ${troubles.map(({ kind, message }) => `${kind}: ${message}`).join()} ${jobs.running}`);
    assert.equal(health.state.phase, 'degraded');
    await assert.rejects(client.kill('plan42-x-1', signal), /waits for its runtime kubernetes/);
    assert.match((await client.reload(signal)) ?? '', /restart it to apply/);
  };
  pauses.push(look, look, look);
  assert.equal(await awaitRuntime({ ...deps, select }), runtime);
  const [refused, overloaded] = ['refused', 'overloaded'].map((why) => `kubernetes degraded runtime: ${why} 0`);
  assert.deepEqual(seen, [refused, refused, overloaded]);
  assert.equal(health.state.phase, 'starting');
  assert.equal(setting.readies(), 1);
  const lines = setting.log().trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.replace(/^\S+ (\w+) +/, '$1 ')),
    [
      'WARN runtime not ready, retrying error=refused remedy="Start the cluster."',
      'WARN runtime not ready, retrying error=overloaded remedy="Start the cluster."',
      `INFO runtime ready runtime=${runtime.name} duration_ms=0`,
    ],
  );
  await assert.rejects(client.status(signal), 'the socket is free for the runner');
});

test('a runtime that waiting cannot help is an error at once', async () => {
  await using setting = await setUp();
  const failure = new UserError('the runtime kubernetes is not ready: the runner may not create jobs');
  const select = () => Promise.reject(failure);
  await assert.rejects(awaitRuntime({ ...setting.deps, select }), failure);
  assert.equal(setting.readies(), 0);
});

test('a signal ends the wait', async () => {
  await using setting = await setUp();
  const { deps, pauses, abort } = setting;
  pauses.push(async () => abort.abort());
  const select = () => Promise.reject(away('refused'));
  assert.equal(await awaitRuntime({ ...deps, select }), undefined);
});
