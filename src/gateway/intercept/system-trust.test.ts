/** In a process of its own, because Node.js reads its variables once. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBrokeredGateway, startSecureHost } from '../../../test/support/broker.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { gatewayEnvironment } from '../../runtimes/environment.ts';

test('the gateway trusts a host whose authority only the system of its process trusts', async () => {
  await using dir = await makeTempDir();
  await using host = await startSecureHost(['bound.example'], (_, response) => response.end('fine'));
  const file = join(dir.path, 'private.pem');
  await writeFile(file, host.authority);
  Object.assign(process.env, gatewayEnvironment({ SSL_CERT_FILE: file }));
  const placeholder = 'ghp_PlaceholderPlaceholderPlaceholder000';
  await using broker = await startBrokeredGateway({
    host,
    intercepted: ['bound.example'],
    credentials: [
      { name: 'github.work', placeholder, targets: [{ host: 'bound.example', port: 443, isPlain: false }] },
    ],
    values: { 'github.work': 'ghp_secret' },
    trusted: '',
  });
  const request = ['-sS', 'https://bound.example/', '-H', `Authorization: token ${placeholder}`];
  assert.deepEqual(await broker.run('curl', request), { code: 0, stdout: 'fine', stderr: '' });
  assert.deepEqual(host.authorizations, ['token ghp_secret']);
});
