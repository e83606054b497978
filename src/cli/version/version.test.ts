import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestServer } from '../../../test/support/http-server.ts';
import { runCli } from '../../../test/support/run-cli.ts';
import { isNewer } from '../../lib/version.ts';

describe('plan42 version', () => {
  it('prints the version', async () => {
    assert.deepEqual(await runCli(['version']), { exitCode: 0, stdout: 'plan42 1.2.3\n', stderr: '' });
  });

  it('prints JSON', async () => {
    const { stdout } = await runCli(['version', '--json']);
    const { version, commit, platform, node } = JSON.parse(stdout);
    assert.deepEqual(
      { version, commit, platform, node },
      { version: 'dev', commit: '', platform: `${process.platform}-${process.arch}`, node: process.versions.node },
    );
  });

  it('--check reports a newer release', async () => {
    const release = { tag_name: 'v7.0.1', html_url: 'https://example.com/v7.0.1', draft: false };
    await using server = await startTestServer((response) => {
      response.end(JSON.stringify(release));
    });
    const env = { PLAN42_RELEASES_URL: `${server.url}/latest` };
    const { stdout } = await runCli(['version', '--check'], { env });
    assert.equal(stdout, 'plan42 1.2.3\nVersion 7.0.1 is available: https://example.com/v7.0.1\n');
    const json = await runCli(['version', '--check', '--json'], { env });
    const newest = { version: '7.0.1', url: 'https://example.com/v7.0.1', isNewer: true };
    assert.deepEqual(JSON.parse(json.stdout).newest, newest);
  });

  const broken: Record<string, [status: number, body: string]> = {
    'an error': [500, '{}'],
    'nothing released': [404, '{"message":"Not Found"}'],
    'no JSON': [200, '<html>'],
    'something else': [200, '{"tag_name":1}'],
    'a version that is none': [200, '{"tag_name":"v9.0.0\\u001b[2J","html_url":"https://example.com/"}'],
    'no link': [200, '{"tag_name":"v9.0.0","html_url":"javascript:alert(1)"}'],
  };
  for (const [name, [status, body]] of Object.entries(broken)) {
    it(`--check is silent about ${name}`, async () => {
      await using server = await startTestServer((response) => {
        response.statusCode = status;
        response.end(body);
      });
      const env = { PLAN42_RELEASES_URL: server.url };
      const run = await runCli(['version', '--check'], { env });
      assert.deepEqual(run, { exitCode: 0, stdout: 'plan42 1.2.3\n', stderr: '' });
    });
  }

  it('--check escapes the link', async () => {
    await using server = await startTestServer((response) => {
      response.end(JSON.stringify({ tag_name: 'v9.0.0', html_url: 'https://example.com/\u001b[2J' }));
    });
    const { stdout } = await runCli(['version', '--check'], { env: { PLAN42_RELEASES_URL: server.url } });
    assert.match(stdout, /^Version 9\.0\.0 is available: https:\/\/example\.com\/%1B\[2J$/m);
  });

  it('--check is silent without network', async () => {
    const env = { PLAN42_RELEASES_URL: 'http://127.0.0.1:1/' };
    const run = await runCli(['version', '--check'], { env });
    assert.deepEqual(run, { exitCode: 0, stdout: 'plan42 1.2.3\n', stderr: '' });
  });
});

describe('which version is newer', () => {
  const ascending = ['0.1.0-ada.test-2026-01-02', '0.1.9', '0.1.9-2', '0.1.10', '0.2.1', '1.0.3', '1.0.3-12', '10.0.0'];
  for (const [index, older] of ascending.entries()) {
    for (const newer of ascending.slice(index + 1)) {
      it(`${newer} is newer than ${older}`, () => {
        assert.equal(isNewer(newer, older), true);
        assert.equal(isNewer(older, newer), false);
      });
    }
  }

  it('no version is newer than itself', () => {
    for (const version of ascending) assert.equal(isNewer(version, version), false);
  });
});
