/** Questions to a GitHub that never answers keep no ping waiting: the real queues, dispatch, handlers and HTTP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { startGithub } from '../../../test/support/github/double.ts';
import { MessagePlane } from '../../../test/support/message-plane.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { parseConfig } from '../../config/parse.ts';
import { GithubConnections } from '../../github/connections.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { Plan42Client } from '../../plan42/client.ts';
import { PublicKeys } from '../../plan42/public-keys.ts';
import { createTransport } from '../../plan42/transport.ts';
import { RunnerHealth } from '../health.ts';
import { QueuePool } from '../queues/queue-pool.ts';
import { QueueRegistry } from '../queues/queue-registry.ts';
import { dispatch } from './dispatch.ts';
import { createSearchRepoHandler } from './github.ts';
import { handlePing } from './handlers.ts';
import { IncompleteLists } from './incomplete-lists.ts';

const hanging = 300;
const pings = 100;
const timeoutMs = 120_000;
// A ping that waits for one of the listings waits for their timeout; a busy machine delays one by much less.
const maxPingMs = timeoutMs / 10;

test('pings are answered while hundreds of listing messages hang', async (t) => {
  await using dir = await makeTempDir();
  await using plane = await new MessagePlane().listen();
  await using resources = new AsyncDisposableStack();
  await using github = await startGithub();
  github.everyAnswer = () => {};

  const transport = createTransport({});
  const stop = new AbortController();
  const file = `[github.slow]\nconnection_id = "c"\nurl = "${github.url}"\ntoken = "ghp_x"\n`;
  const { config } = parseConfig({ file, env: {}, flags: new Map() });
  const connections = { connections: config.github, transport, logger: silentLogger, userAgent: 'test' };
  const handlers = new Map([
    ['PingRequest', handlePing],
    [
      'SearchRepoRequest',
      createSearchRepoHandler({
        github: new GithubConnections(connections),
        incompleteLists: new IncompleteLists(systemClock),
        logger: silentLogger,
        timeoutMs,
      }),
    ],
  ]);
  const endpoint = { transport, baseUrl: new URL(plane.url), token: plane.token, userAgent: 'test' };
  const client = new Plan42Client(endpoint);
  const pool = new QueuePool({
    client,
    tenantId: plane.tenantId,
    runnerId: plane.runnerId,
    features: new Set(),
    slotHeaders: () => ({}),
    settings: { ...config.queues, drainTimeMs: 0 },
    registry: await QueueRegistry.open(dir.path, { tenantId: 't', runnerId: 'r', url: new URL('https://server.test') }),
    health: new RunnerHealth(silentLogger),
    logger: silentLogger,
    onMessage: (message, { path: queue, privateKey, limiter }) =>
      dispatch(
        message,
        { queue, privateKey, limiter },
        { client, handlers, callerKeys: new PublicKeys(), logger: silentLogger, signal: stop.signal },
      ),
    force: new AbortController().signal,
    abort: stop.signal,
  });
  resources.defer(async () => {
    stop.abort();
    await pool.drain();
    await transport.destroy();
  });
  await eventually(async () => pool.queues[0]?.phase === 'polling');

  const search = { Type: 'SearchRepoRequest', ConnectionID: 'c', OrgName: 'o', Search: 's' };
  void plane.deliver(Array.from({ length: hanging }, () => plane.message(search)));
  // As many as a connection asks at the same time.
  await eventually(async () => pool.inFlight >= hanging && github.requests.length === 30);
  const latenciesMs: number[] = [];
  for (let i = 0; i < pings; i += 1) {
    const startedAt = performance.now();
    const [answer] = await plane.deliver([plane.message({ Type: 'PingRequest' })]);
    assert.equal(answer?.['Type'], 'PingResponse');
    latenciesMs.push(performance.now() - startedAt);
  }
  const slowestMs = Math.max(...latenciesMs);
  t.diagnostic(`${hanging} messages hang, slowest of ${pings} pings: ${Math.round(slowestMs)} ms`);
  assert.ok(slowestMs < maxPingMs, `slowest ping: ${slowestMs} ms`);
  assert.ok(pool.inFlight >= hanging, 'the listings still hang');
});
