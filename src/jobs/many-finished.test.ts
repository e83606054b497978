import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createFakeRuntime } from '../../test/support/fake-runtime.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { parseConfig } from '../config/parse.ts';
import { GithubConnections } from '../github/connections.ts';
import { silentLogger } from '../lib/logger.ts';
import { Plan42Client } from '../plan42/client.ts';
import type { ServerFeature } from '../plan42/features.ts';
import { createTransport } from '../plan42/transport.ts';
import { Jobs } from './jobs.ts';
import { JobStore } from './store.ts';

const watched = ['access', 'lstat', 'open', 'opendir', 'readFile', 'readdir', 'stat'] as const;

/** Runs `work` and returns how often it looked at the file system, by the name of the function. */
async function countLooks(t: TestContext, work: () => Promise<void>): Promise<Record<string, number>> {
  const mocks = watched.map((name) => t.mock.method(fs.promises, name));
  syncBuiltinESMExports();
  try {
    await work();
    return Object.fromEntries(watched.map((name, i) => [name, mocks[i]?.mock.callCount() ?? 0]));
  } finally {
    for (const mock of mocks) mock.mock.restore();
    syncBuiltinESMExports();
  }
}

test('a start accesses the same number of files, however many jobs are finished', async (t) => {
  const looksWith = async (finished: number) => {
    await using dir = await makeTempDir();
    const folder = join(dir.path, 'jobs/finished');
    await mkdir(folder, { recursive: true });
    await mkdir(join(dir.path, 'logs'));
    for (let i = 0; i < finished; i += 1) {
      const record = makeRecord({ phase: 'ended' });
      await writeFile(join(folder, `${record.jobId}.json`), JSON.stringify(record));
      await writeFile(join(dir.path, 'logs', `${record.jobId}.log`), 'x');
    }
    await using transport = {
      dispatcher: createTransport({}),
      [Symbol.asyncDispose]: () => transport.dispatcher.destroy(),
    };
    const { config } = parseConfig({ env: {}, flags: new Map() });
    const endpoint = {
      transport: transport.dispatcher,
      baseUrl: new URL('http://127.0.0.1:1'),
      token: '',
      userAgent: 't',
    };
    // Awaited before the folder is removed.
    return await countLooks(t, async () => {
      const store = await JobStore.open(dir.path, join(dir.path, 'logs'));
      const options = {
        config,
        store,
        runtime: createFakeRuntime(),
        otherRuntime: createFakeRuntime,
        runnerId: 'runner',
        instanceId: 'instance',
        features: new Set<ServerFeature>(),
        tenantId: 'tenant',
        client: new Plan42Client(endpoint),
      };
      const common = { transport: transport.dispatcher, logger: silentLogger, userAgent: 't' };
      const github = new GithubConnections({ ...common, connections: {} });
      await using jobs = new Jobs({ ...options, github, logger: silentLogger });
      await jobs.adopt();
    });
  };
  const [none, many] = [await looksWith(0), await looksWith(500)];
  assert.ok((none['readdir'] ?? 0) > 0, 'they are counted');
  assert.deepEqual(many, none);
});
