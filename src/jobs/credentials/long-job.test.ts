import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBrokeredGateway, startSecureHost } from '../../../test/support/broker.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { parseConfig } from '../../config/parse.ts';
import { gatewayFolder, readPolicy } from '../../gateway/policy.ts';
import { createCredentialSource } from './credential-source.ts';
import { makePlaceholder } from './placeholder.ts';

const minute = 60_000;
const configOf = (token: string) =>
  parseConfig({ file: `[github.work]\ntoken = "${token}"\n`, env: {}, flags: new Map() }).config;

// Tokens of an app of GitHub live an hour.
test('a job of three hours uses three tokens, each until it expires', async () => {
  const tokens = [0, 1, 2, 3].map((n) => `ghs_token${n}token${n}token${n}token${n}`);
  const [first = ''] = tokens;
  const startedAt = Date.parse('2026-05-01T12:00:00Z');
  let now = startedAt;
  const isValid = (token: string) => {
    const hour = tokens.indexOf(token);
    return hour >= 0 && now >= startedAt + hour * 60 * minute && now < startedAt + (hour + 1) * 60 * minute;
  };
  await using host = await startSecureHost(['bound.example'], (request, response) => {
    response.statusCode = isValid(request.headers.authorization?.replace('token ', '') ?? '') ? 200 : 401;
    response.end();
  });
  const placeholder = makePlaceholder(first);
  const targets = [{ host: 'bound.example', port: 443, isPlain: false }];
  await using broker = await startBrokeredGateway({
    host,
    intercepted: ['bound.example'],
    credentials: [{ name: 'github.work', placeholder, targets }],
    values: { 'github.work': first },
  });
  const source = createCredentialSource(configOf(first), {});
  const { folder, lines } = broker.gateway;
  await using job = await makeTempDir();
  await symlink(folder, join(job.path, gatewayFolder));
  const replaceToken = async (token: string) => {
    source.replace(configOf(token));
    assert.equal(await source.refresh(job.path), true);
  };
  const call = async () => {
    const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Authorization: token ${placeholder}`];
    return (await broker.run('curl', [...args, 'https://bound.example/'])).stdout;
  };

  for (const [hour, token] of tokens.entries()) {
    if (hour > 0) {
      assert.equal(await call(), '401', `the token of hour ${hour} has expired`);
      await replaceToken(token);
      await eventually(async () => (await call()) === '200');
    }
    for (let at = 0; at < 60; at += 20) {
      assert.equal(await call(), '200', `${hour} h ${at} min`);
      now += 20 * minute;
    }
  }
  // Each expired token is named once.
  assert.equal(lines.length, 3, lines.join('\n'));
  for (const line of lines) assert.match(line, /bound\.example:443 refused the credential github\.work \(status 401\)/);

  const { broker: policy } = await readPolicy(folder);
  const { validToDate } = new X509Certificate(policy?.certificate ?? '');
  assert.ok(validToDate.getTime() - Date.now() > 365 * 24 * 60 * minute, 'a job may last as long as it likes');
});
