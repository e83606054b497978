import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { parseConfig } from '../../config/parse.ts';
import { readCredentials, writeCredentials } from '../../gateway/credentials.ts';
import { gatewayFolder, writePolicy } from '../../gateway/policy.ts';
import { createCredentialSource } from './credential-source.ts';
import { prepareBroker } from './job-broker.ts';

const configOf = (file: string) => parseConfig({ file, env: {}, flags: new Map() }).config;
const tokenOf = (token: string) => configOf(`[github.work]\ntoken = "${token}"\n`);

test('a job in progress gets what has changed in the configuration, and keeps what came by its request', async () => {
  await using dir = await makeTempDir();
  const folder = join(dir.path, gatewayFolder);
  await mkdir(folder);
  const targets = [{ host: 'a.example', port: 443, isPlain: false }];
  const secrets = ['github.work', 'environment.KEY'].map((name) => ({ name, value: `${name}-first`, targets }));
  const config = tokenOf('github.work-first');
  const broker = prepareBroker({ secrets, config, previous: undefined, now: new Date() });
  assert.ok(broker);
  const source = createCredentialSource(config, {});
  assert.equal(await source.refresh(dir.path), false, 'without a wall');

  const base = { version: 1 as const, jobId: 'job', mode: 'enforce' as const, remedy: '' };
  await writePolicy(folder, { ...base, rules: [], addresses: [], broker: broker.policy });
  await writeCredentials(folder, broker.values);
  assert.equal(await source.refresh(dir.path), false);

  source.replace(tokenOf('github.work-second'));
  assert.equal(await source.refresh(dir.path), true);
  const second = new Map([
    ['github.work', 'github.work-second'],
    ['environment.KEY', 'environment.KEY-first'],
  ]);
  assert.deepEqual(await readCredentials(folder), second);

  // A token that is removed is not used any more.
  source.replace(configOf(''));
  assert.equal(await source.refresh(dir.path), true);
  second.delete('github.work');
  assert.deepEqual(await readCredentials(folder), second);
});
