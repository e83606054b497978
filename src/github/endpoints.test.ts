import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as v from 'valibot';
import { connect, type TestClientOptions } from '../../test/support/github/client.ts';
import { type GithubDouble, startGithub } from '../../test/support/github/double.ts';
import { startProxy } from '../../test/support/proxy.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { tlsPair } from '../../test/support/tls-pair.ts';
import { parseConfig } from '../config/parse.ts';
import { githubEndpoints } from '../plan42/github-endpoints.ts';

/** As the configuration reads the URL. */
function connectionUrl(url: string): URL | string {
  const file = `[github.g]\nurl = "${url}"\n`;
  const { config, problems } = parseConfig({ file, env: {}, flags: new Map() });
  return problems[0]?.message ?? config.github['g']?.url ?? '';
}

describe('the API of a connection', () => {
  const publicApi = ['https://api.github.com', 'https://api.github.com/graphql'];
  for (const [url, rest, graphql] of [
    ['', ...publicApi],
    ['https://github.com', ...publicApi],
    ['https://github.com/', ...publicApi],
    ['HTTPS://GitHub.com:443', ...publicApi],
    ['https://ghe.example.com', 'https://ghe.example.com/api/v3', 'https://ghe.example.com/api/graphql'],
    ['https://ghe.example.com/', 'https://ghe.example.com/api/v3', 'https://ghe.example.com/api/graphql'],
    [
      'https://ghe.example.com:8443//',
      'https://ghe.example.com:8443/api/v3',
      'https://ghe.example.com:8443/api/graphql',
    ],
    ['https://example.com/git/hub', 'https://example.com/git/hub/api/v3', 'https://example.com/api/graphql'],
    ['https://example.com/git/hub/', 'https://example.com/git/hub/api/v3', 'https://example.com/api/graphql'],
    ['https://notgithub.com', 'https://notgithub.com/api/v3', 'https://notgithub.com/api/graphql'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/api/v3', 'http://127.0.0.1:8080/api/graphql'],
  ] as const) {
    test(`of "${url}"`, () => {
      const configured = connectionUrl(url);
      assert.ok(configured instanceof URL, String(configured));
      assert.deepEqual(githubEndpoints(configured), { rest, graphql });
    });
  }

  for (const url of [
    'http://github.com',
    'http://ghe.example.com',
    'http://127.0.0.1.example.com',
    'http://10.0.0.1',
  ]) {
    test(`of "${url}" is refused when the configuration is read`, () => {
      assert.equal(connectionUrl(url), 'github.g.url is not an https URL (http is only accepted for loopback)');
    });
  }
});

async function checkBoth(github: GithubDouble, options: TestClientOptions): Promise<void> {
  await using connection = connect(github, options);
  const { client, ask } = connection;
  const { data } = await ask((caller) => client.get('/user', {}, v.object({ login: v.string() }), caller));
  assert.equal(data.login, 'octo');
  const query = '{ repository(owner: "acme", name: "app") { __typename } }';
  await ask((caller) => client.query(query, {}, v.object({ repository: v.unknown() }), caller));
}

describe('calls arrive', () => {
  for (const slash of ['', '/', '//']) {
    test(`at a server below a path${slash && `, written with ${slash}`}`, async () => {
      await using github = await startGithub({ basePath: '/git/hub' });
      await checkBoth(github, { url: github.url + slash });
      assert.deepEqual(
        github.requests.map((request) => request.url),
        ['/git/hub/api/v3/user', '/api/graphql'],
      );
    });
  }

  test('at the public GitHub, through a proxy, end to end encrypted', async () => {
    await using github = await startGithub({ isPublic: true, tls: tlsPair });
    await using proxy = await startProxy(github.server.port);
    const env = { https_proxy: proxy.url };
    await checkBoth(github, { url: 'https://github.com', env, skipSslVerify: true });
    assert.deepEqual([...new Set(proxy.targets)], ['api.github.com:443']);
    assert.deepEqual(
      github.requests.map((request) => request.url),
      ['/user', '/graphql'],
    );
  });

  test('nowhere if the proxy rejects them, which is reported at once unless it is transient', async () => {
    await using github = await startGithub();
    for (const [refusal, waits] of [
      [403, 0],
      [407, 0],
      [502, 4],
    ] as const) {
      await using proxy = await startProxy(github.server.port, { refusal });
      const slept: number[] = [];
      const options = { url: 'https://github.com', env: { https_proxy: proxy.url } };
      await assert.rejects(checkBoth(github, { ...options, onSleep: (ms) => slept.push(ms) }), {
        name: 'GithubError',
        message: `cannot reach GitHub: the proxy rejected the connection (status ${refusal})`,
      });
      assert.equal(slept.length, waits);
    }
    assert.deepEqual(github.requests, []);
  });

  test('at a server whose authority ca_file has, and at no other', async () => {
    await using dir = await makeTempDir();
    const caFile = join(dir.path, 'ca.pem');
    await writeFile(caFile, tlsPair.cert);
    await using github = await startGithub({ tls: tlsPair });
    await checkBoth(github, { caFile });
    const slept: number[] = [];
    await assert.rejects(
      checkBoth(github, { onSleep: (ms) => slept.push(ms) }),
      /cannot reach GitHub: .*certificate is not trusted.*network\.ca_file/,
    );
    assert.deepEqual(slept, [], 'not tried again');
  });
});
