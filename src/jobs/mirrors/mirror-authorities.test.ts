/** In a process of its own, because Node.js reads its variables once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { test } from 'node:test';
import { createServer } from 'node:tls';
import { eventually } from '../../../test/support/eventually.ts';
import { startGitServer } from '../../../test/support/git-server.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { tlsPair } from '../../../test/support/tls-pair.ts';
import { createLogger } from '../../lib/logger.ts';
import { Mirrors } from './mirrors.ts';

test('git trusts the authorities of SSL_CERT_DIR, of which it knows nothing itself', async () => {
  await using dir = await makeTempDir();
  await using server = await startGitServer(join(dir.path, 'server'), { password: 'secret' });
  await server.create('org/repo');
  await server.commit('org/repo', { 'a.txt': '1' });
  const { port: plainPort } = new URL(server.url);
  const secure = createServer(tlsPair, (socket) => {
    void pipeline(socket, connect(Number(plainPort), '127.0.0.1'), socket, () => {});
  });
  using _ = { [Symbol.dispose]: () => void secure.close() };
  await once(secure.listen(0, '127.0.0.1'), 'listening');
  const folders = [join(dir.path, 'empty'), join(dir.path, 'private')];
  for (const folder of folders) await mkdir(folder);
  await writeFile(join(dir.path, 'private/a.pem'), tlsPair.cert);

  let logged = '';
  const write = (line: string) => {
    logged += line;
  };
  const logger = createLogger({ level: 'debug', format: 'text', write });
  const begin = async (variables: NodeJS.ProcessEnv) => {
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', ...variables };
    const folder = join(dir.path, `mirrors-${variables['SSL_CERT_DIR'] === undefined ? 1 : 2}`);
    const mirrors = new Mirrors({ folder, maxBytes: 2 ** 30, minFreeBytes: 0, env, caFile: undefined, logger });
    await mirrors.begin(['org/repo'], {
      name: undefined,
      url: new URL(`https://localhost:${(secure.address() as AddressInfo).port}`),
      connectionId: '3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9',
      token: 'secret',
    });
    return mirrors;
  };

  await using _untrusting = await begin({});
  await eventually(() => Promise.resolve(/cannot update git mirror/.test(logged)));
  assert.match(logged, /certificate/);
  process.env['SSL_CERT_DIR'] = folders.join(':');
  await using _trusting = await begin({ SSL_CERT_DIR: folders.join(':') });
  await eventually(() => Promise.resolve(/git mirror created/.test(logged)));
});
