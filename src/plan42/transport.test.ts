import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as v from 'valibot';
import { sendJson, startTestServer, type TestServer } from '../../test/support/http-server.ts';
import { startProxy, type TestProxy } from '../../test/support/proxy.ts';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { tlsPair } from '../../test/support/tls-pair.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { ConnectionError } from './errors.ts';
import { callApi } from './http.ts';
import { createTransport, type TransportOptions } from './transport.ts';

let dir: TempDir;
let plain: TestServer;
let secure: TestServer;
let caFile: string;

before(async () => {
  dir = await makeTempDir();
  caFile = join(dir.path, 'ca.pem');
  await writeFile(caFile, tlsPair.cert);
  plain = await startTestServer((response) => sendJson(response, 200, 'plain'));
  secure = await startTestServer((response) => sendJson(response, 200, 'secure'), tlsPair);
});
after(async () => {
  for (const resource of [plain, secure, dir]) await resource[Symbol.asyncDispose]();
});

async function get(url: string, options: TransportOptions): Promise<unknown> {
  const transport = createTransport(options);
  try {
    const endpoint = { transport, baseUrl: new URL(url), token: 'p42r_secret', userAgent: 'test' };
    return await callApi(endpoint, { method: 'GET', path: '/x' }, v.unknown());
  } finally {
    await transport.destroy();
  }
}

const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ConnectionError);
  assert.match(error.message, pattern);
  assert.doesNotMatch(error.message, /secret/);
  return true;
};

describe('TLS', () => {
  test('a certificate of an unknown authority is rejected', async () => {
    await assert.rejects(get(secure.url, {}), refused(/self-signed|self signed|DEPTH_ZERO/i));
  });

  test('is accepted when ca_file has its authority', async () => {
    assert.equal(await get(secure.url, { caFile }), 'secure');
  });

  test('is accepted without verification', async () => {
    assert.equal(await get(secure.url, { skipSslVerify: true }), 'secure');
  });

  test('ca_file extends the system’s authorities, and host names are still verified', async () => {
    await using proxy = await startProxy(secure.port);
    await assert.rejects(
      get('https://api.plan42.test', { caFile, env: { https_proxy: proxy.url } }),
      refused(/altnames|api\.plan42\.test/),
    );
  });

  for (const [name, content] of [
    ['missing', undefined],
    ['empty', ''],
    ['no certificate', tlsPair.key],
  ] as const) {
    test(`a ca_file that is ${name} is a configuration error`, async () => {
      const path = join(dir.path, `${name}.pem`);
      if (content !== undefined) await writeFile(path, content);
      assert.throws(
        () => createTransport({ caFile: path }),
        (error: unknown) => {
          assert.ok(error instanceof UserError);
          assert.equal(error.exitCode, ExitCode.configuration);
          assert.ok(error.message.includes(path));
          assert.match(error.remedy ?? '', /ca_file/);
          assert.doesNotMatch(error.message, /PRIVATE KEY/);
          return true;
        },
      );
    });
  }
});

describe('proxies', () => {
  let proxy: TestProxy;
  let secureProxy: TestProxy;
  before(async () => {
    proxy = await startProxy(plain.port);
    secureProxy = await startProxy(secure.port);
  });
  beforeEach(() => {
    proxy.targets.length = 0;
    secureProxy.targets.length = 0;
  });
  after(async () => {
    await proxy[Symbol.asyncDispose]();
    await secureProxy[Symbol.asyncDispose]();
  });

  for (const name of ['http_proxy', 'HTTP_PROXY']) {
    test(`${name} is used for http`, async () => {
      assert.equal(await get('http://api.plan42.test', { env: { [name]: proxy.url } }), 'plain');
      assert.match(proxy.targets[0] ?? '', /api\.plan42\.test/);
    });
  }

  for (const name of ['https_proxy', 'HTTPS_PROXY']) {
    test(`${name} is used for https, with end-to-end TLS`, async () => {
      const env = { [name]: secureProxy.url };
      await assert.rejects(get('https://api.plan42.test', { env }), refused(/self-signed|self signed|DEPTH_ZERO/i));
      assert.equal(await get('https://api.plan42.test', { env, skipSslVerify: true }), 'secure');
      assert.deepEqual(new Set(secureProxy.targets), new Set(['api.plan42.test:443']));
    });
  }

  for (const url of ['127.0.0.1', 'localhost']) {
    test(`no proxy is used for ${url}`, async () => {
      const env = { http_proxy: proxy.url, https_proxy: secureProxy.url };
      assert.equal(await get(`http://${url}:${plain.port}`, { env }), 'plain');
      assert.equal(await get(`https://${url}:${secure.port}`, { env, caFile }), 'secure');
      assert.deepEqual([...proxy.targets, ...secureProxy.targets], []);
    });
  }

  for (const noProxy of [
    'api.plan42.invalid',
    '.plan42.invalid',
    '*',
    'x.test, api.plan42.invalid',
    'plan42.invalid',
  ]) {
    test(`no_proxy "${noProxy}" goes around it`, async () => {
      for (const name of ['no_proxy', 'NO_PROXY']) {
        const env = { http_proxy: proxy.url, [name]: noProxy };
        await assert.rejects(get('http://api.plan42.invalid', { env }), refused(/ENOTFOUND|EAI_AGAIN/));
      }
      assert.deepEqual(proxy.targets, []);
    });
  }

  test('an unreachable proxy is an error without its credentials', async () => {
    const gone = await startProxy(plain.port);
    await gone[Symbol.asyncDispose]();
    const url = gone.url.replace('//', '//user:secret@');
    await assert.rejects(get('http://api.plan42.test', { env: { http_proxy: url } }), refused(/ECONNREFUSED/));
  });

  test('a proxy’s rejection is an error with its status', async () => {
    await using refusing = await startProxy(plain.port, { refusal: 407 });
    await assert.rejects(
      get('https://api.plan42.test', { env: { https_proxy: refusing.url } }),
      refused(/^GET \/x: the proxy rejected the connection \(status 407\)$/),
    );
  });

  test('an invalid address is a user error', () => {
    for (const name of ['http_proxy', 'HTTPS_PROXY']) {
      assert.throws(
        () => createTransport({ env: { [name]: 'user:secret@' } }),
        (error: unknown) => {
          assert.ok(error instanceof UserError);
          assert.match(error.message, new RegExp(name));
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    }
  });
});

test('an address of a proxy that cannot be used is a mistake of the user, and not shown', () => {
  for (const url of ['http://me:100%@proxy:3128', 'http://[::1', 'proxy:3128', 'http://a b:1', 'http://proxy:99999']) {
    assert.throws(
      () => createTransport({ env: { https_proxy: url } }),
      (error) =>
        error instanceof UserError &&
        error.exitCode === ExitCode.configuration &&
        error.message === 'the environment’s https_proxy is not a URL',
      url,
    );
  }
});
