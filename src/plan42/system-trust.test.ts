/** The authorities that a machine trusts. Each case is a process of its own, because Node.js reads its variables once. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import { createServer, rootCertificates } from 'node:tls';
import { promisify } from 'node:util';
import { Agent } from 'undici';
import { sendJson, startTestServer, type TestServer } from '../../test/support/http-server.ts';
import { startProxy } from '../../test/support/proxy.ts';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { tlsPair } from '../../test/support/tls-pair.ts';
import { SystemTrustDispatcher, type Trust } from './system-trust.ts';
import type { TransportOptions } from './transport.ts';

// Two requests at once, then another, whose bodies have to arrive.
const program = `
import { request } from 'undici';
import { createTransport } from ${JSON.stringify(new URL('transport.ts', import.meta.url))};
const [url, options] = process.argv.slice(1);
const dispatcher = createTransport(JSON.parse(options));
const send = async (body) => (await request(url, { dispatcher, method: 'POST', body })).body.json();
try {
  console.log(JSON.stringify([...(await Promise.all([send('a'), send('b')])), await send('c')]));
} catch (error) {
  console.log(error.code);
}
await dispatcher.destroy();
`;

suite('the system’s authorities', () => {
  let dir: TempDir;
  let server: TestServer;
  let file: string;

  before(async () => {
    dir = await makeTempDir();
    file = join(dir.path, 'private.pem');
    await writeFile(file, tlsPair.cert);
    server = await startTestServer((response, { body }) => sendJson(response, 200, body), tlsPair);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  async function call(env: NodeJS.ProcessEnv, options: TransportOptions = {}, url = server.url): Promise<string> {
    const args = ['--input-type=module', '--eval', program, url, JSON.stringify(options)];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env, cwd: import.meta.dirname });
    assert.equal(stderr, '', 'Node.js itself would name a folder that it cannot open');
    return stdout.trim();
  }

  const answered = '["a","b","c"]';

  test('are those in SSL_CERT_FILE and SSL_CERT_DIR', async () => {
    assert.equal(await call({ SSL_CERT_FILE: file }), answered);
    assert.equal(await call({ SSL_CERT_DIR: dir.path }), answered);
    for (const folders of [`${dir.path}:/does/not/exist`, `/does/not/exist:${dir.path}`, `/etc:${dir.path}`])
      assert.equal(await call({ SSL_CERT_DIR: folders }), answered);
  });

  test('are beside those in NODE_EXTRA_CA_CERTS, and of ca_file', async () => {
    assert.equal(await call({ NODE_EXTRA_CA_CERTS: file }), answered);
    const [publicAuthority = ''] = rootCertificates;
    const other = join(dir.path, 'other.crt');
    await writeFile(other, publicAuthority);
    assert.equal(await call({ SSL_CERT_FILE: file }, { caFile: other }), answered);
    assert.equal(await call({ SSL_CERT_FILE: other }, { caFile: file }), answered);
  });

  test('count behind a proxy too', async () => {
    await using proxy = await startProxy(server.port);
    const proxyPort = Number(new URL(proxy.url).port);
    const secureProxy = createServer(tlsPair, (socket) => void pipeline(socket, connect(proxyPort), socket, () => {}));
    using _ = { [Symbol.dispose]: () => void secureProxy.close() };
    await once(secureProxy.listen(0, '127.0.0.1'), 'listening');
    const { port } = secureProxy.address() as AddressInfo;
    for (const https_proxy of [proxy.url, `https://localhost:${port}`]) {
      const through = (env: NodeJS.ProcessEnv) => call(env, { env: { https_proxy } }, 'https://other.test');
      // The authority is trusted, but the certificate is for another host.
      assert.equal(await through({ SSL_CERT_FILE: file }), 'ERR_TLS_CERT_ALTNAME_INVALID');
      assert.equal(await through({}), 'DEPTH_ZERO_SELF_SIGNED_CERT');
    }
  });

  test('do not contain an authority that nothing names', async () => {
    assert.equal(await call({}), 'DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  test('are none if their file is missing or damaged', async () => {
    const damaged = join(dir.path, 'damaged.txt');
    await writeFile(damaged, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    for (const path of [damaged, '/does/not/exist.pem', '']) {
      assert.equal(await call({ SSL_CERT_FILE: path, SSL_CERT_DIR: '/does/not/exist' }), 'DEPTH_ZERO_SELF_SIGNED_CERT');
    }
  });
});

test('the system’s authorities are not read as long as no certificate needs them', async () => {
  await using plain = await startTestServer((response) => sendJson(response, 200, {}));
  await using secure = await startTestServer((response) => sendJson(response, 200, {}), tlsPair);
  const created: Trust[] = [];
  const dispatcher = new SystemTrustDispatcher((trust) => {
    created.push(trust);
    return new Agent({ connect: trust === 'system' ? { ca: tlsPair.cert } : {} });
  });
  const get = async (origin: string) => {
    const { statusCode, body } = await dispatcher.request({ origin, path: '/', method: 'GET' });
    await body.dump();
    return statusCode;
  };
  assert.deepEqual([await get(plain.url), created], [200, ['usual']]);
  assert.deepEqual([await get(secure.url), created], [200, ['usual', 'system']]);
  assert.deepEqual([await get(plain.url), await get(secure.url), created.length], [200, 200, 2]);
  assert.deepEqual([plain.requests.length, secure.requests.length], [2, 2]);
  await dispatcher.close();
});
