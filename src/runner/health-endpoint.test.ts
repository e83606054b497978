import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { UserError } from '../lib/errors.ts';
import { silentLogger } from '../lib/logger.ts';
import type { TokenState } from '../plan42/token-end.ts';
import { RunnerHealth } from './health.ts';
import { startHealthEndpoint } from './health-endpoint.ts';

const logger = silentLogger;
const metrics = () => 'a 1\n';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('returns the phase and nothing else', async () => {
  const health = new RunnerHealth(logger);
  const port = await freePort();
  await using _endpoint = await startHealthEndpoint({ host: '127.0.0.1', port }, { health, logger, metrics });
  const ask = async (method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}/any/path`, { method });
    return [response.status, await response.text()];
  };
  assert.deepEqual(await ask(), [503, '{"phase":"starting","problems":[],"warnings":[]}\n']);
  health.reportSuccess('queue');
  assert.deepEqual(await ask(), [200, '{"phase":"ready","problems":[],"warnings":[]}\n']);
  assert.deepEqual(await ask('HEAD'), [200, '']);
  health.reportFailure('queue', 'refused', 'the token p42r_secret was refused');
  assert.deepEqual(await ask(), [503, '{"phase":"degraded","problems":["refused"],"warnings":[]}\n']);
  health.startDraining();
  assert.deepEqual(await ask(), [503, '{"phase":"draining","problems":[],"warnings":[]}\n']);
  assert.equal((await ask('POST'))[0], 405);
});

test('/metrics has the metrics, ready or not, for GET and HEAD', async () => {
  const port = await freePort();
  const health = new RunnerHealth(logger);
  await using _endpoint = await startHealthEndpoint({ host: '127.0.0.1', port }, { health, logger, metrics });
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return [response.status, response.headers.get('content-type'), await response.text()];
  };
  const type = 'text/plain; version=0.0.4; charset=utf-8';
  assert.deepEqual(await ask('/metrics'), [200, type, 'a 1\n']);
  assert.deepEqual(await ask('/metrics?x=1', 'HEAD'), [200, type, '']);
  assert.equal((await ask('/metrics', 'POST'))[0], 405);
  assert.equal((await ask('/metrics/'))[1], 'application/json');
});

test('warns of a token that ends soon, and stays ready', async () => {
  const health = new RunnerHealth(logger);
  health.reportSuccess('queue');
  const port = await freePort();
  const tokenWatch: { state: TokenState } = { state: 'ending' };
  await using _endpoint = await startHealthEndpoint(
    { host: '127.0.0.1', port },
    { health, logger, tokenWatch, metrics },
  );
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}`);
    return [response.status, await response.json()];
  };
  assert.deepEqual(await ask(), [200, { phase: 'ready', problems: [], warnings: ['token-ending'] }]);
  tokenWatch.state = 'expired';
  assert.deepEqual(await ask(), [200, { phase: 'ready', problems: [], warnings: ['token-expired'] }]);
});

test('is not there unless it is asked for', async () => {
  await using endpoint = await startHealthEndpoint(undefined, { health: new RunnerHealth(logger), logger, metrics });
  assert.ok(endpoint);
});

test('rejects an address that is in use, with a remedy', async () => {
  const health = new RunnerHealth(logger);
  const address = { host: '127.0.0.1', port: await freePort() };
  await using _first = await startHealthEndpoint(address, { health, logger, metrics });
  await assert.rejects(startHealthEndpoint(address, { health, logger, metrics }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, new RegExp(`cannot listen on 127.0.0.1:${address.port}`));
    assert.equal(error.exitCode, 3);
    return true;
  });
});
