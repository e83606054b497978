import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as v from 'valibot';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';
import { writeCredentials } from '../../../gateway/credentials.ts';
import { EgressPolicy } from '../../../gateway/policy.ts';
import { parseJson } from '../../../lib/json.ts';
import type { HeldLimits } from '../../runtime.ts';
import {
  currentCredentials,
  egressFolder,
  keepGatewayFiles,
  prepareGatewayFiles,
  restoreGatewayFiles,
} from './gateway-files.ts';

const broker = {
  ...{ authority: 'a', certificate: 'c', key: 'k', trusted: '', hosts: [] },
  credentials: ['github.a', 'models.b'].map((name) => ({ name, placeholder: 'placeholder', targets: [] })),
};
const policy: EgressPolicy = {
  ...{ version: 1, jobId: 'j', mode: 'enforce', rules: [], addresses: [], remedy: '', broker },
  server: { host: 'plan42.internal', port: 7042, connectTo: '127.0.0.1', mayBeAnywhere: true },
};

async function startJob(root: string, name: string) {
  const folder = join(root, name);
  await mkdir(folder);
  return { jobId: 'j', folder, logFile: join(root, `${name}.log`) };
}

const start = { image: 'i', requestFile: 'r', maxLogBytes: 1 };
const values = new Map([
  ['github.a', 'one'],
  ['models.b', 'two'],
]);

test('the pod gets the policy without the loopback of the runner’s machine, the secrets and a token', async () => {
  await using dir = await makeTempDir();
  const job = { ...(await startJob(dir.path, 'job')), ...start, broker: { values, hide: (text: string) => text } };
  const { files, token } = await prepareGatewayFiles(job, policy);
  assert.equal(token.length, 32);
  assert.equal(files['token'], token);
  const given = v.parse(EgressPolicy, parseJson(String(files['policy.json'])));
  assert.equal(given.server, undefined);
  assert.deepEqual(given.broker, broker);
  assert.match(String(files['credentials.json']), /"github.a":"one"/);
});

test('the pod gets the limits that it holds, and none if it holds none', async () => {
  await using dir = await makeTempDir();
  const job = { ...(await startJob(dir.path, 'job')), ...start };
  const held = { wrapUpMs: 5000, maxDurationMs: 60_000 };
  const filesOf = async (limits: HeldLimits) => (await prepareGatewayFiles({ ...job, limits }, policy)).files;
  const counted = { max_duration: 60_000, max_tokens: 10, max_cost: undefined };
  assert.deepEqual(parseJson(String((await filesOf({ ...held, counted }))['limits.json'])), {
    ...{ version: 1, wrapUpMs: 5000 },
    limits: { max_duration: 60_000, max_tokens: 10 },
  });
  assert.equal((await filesOf(held))['limits.json'], undefined);
});

test('another replica knows which credentials may change, and one that was removed', async () => {
  await using dir = await makeTempDir();
  const job = { ...(await startJob(dir.path, 'job')), ...start, broker: { values, hide: (text: string) => text } };
  await prepareGatewayFiles(job, policy);
  await writeCredentials(egressFolder(job), new Map([['github.a', 'new']]));
  const kept = await keepGatewayFiles(job);
  const other = await startJob(dir.path, 'other');
  assert.equal(await currentCredentials(other), undefined);
  await restoreGatewayFiles(other, JSON.stringify({ version: 1, gateway: kept }));
  assert.deepEqual(await currentCredentials(other), { 'github.a': 'new', 'models.b': '' });
});
