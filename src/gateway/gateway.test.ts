import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { withShortPath } from '../lib/short-path.ts';
import { startGateway } from './gateway.ts';
import { type EgressPolicy, policyFile, socketFile, socketFolder, writePolicy } from './policy.ts';

const policy: EgressPolicy = {
  version: 1,
  jobId: 'job',
  mode: 'enforce',
  rules: [],
  addresses: [],
  remedy: 'Add HOST to AllowedHosts.',
};
const writeLine = () => {};

test('a gateway without a policy that it understands does not listen', async () => {
  for (const text of [undefined, '', '{', '{}', JSON.stringify({ ...policy, version: 2 })]) {
    await using dir = await makeTempDir();
    await mkdir(join(dir.path, socketFolder));
    await writeFile(join(dir.path, socketFolder, socketFile), 'left by a killed gateway');
    if (text !== undefined) await writeFile(join(dir.path, policyFile), text);
    await assert.rejects(startGateway({ folder: dir.path, writeLine }));
    assert.deepEqual(await readdir(join(dir.path, socketFolder)), []);
  }
});

test('a gateway listens below a folder with a long path, for every user, until it is disposed of', async () => {
  await using dir = await makeTempDir();
  const folder = join(dir.path, 'x'.repeat(120));
  await mkdir(join(folder, socketFolder), { recursive: true });
  await writePolicy(folder, policy);
  assert.equal((await stat(join(folder, policyFile))).mode & 0o777, 0o600);
  const path = join(folder, socketFolder, socketFile);
  {
    await using _gateway = await startGateway({ folder, writeLine });
    assert.equal((await stat(path)).mode & 0o777, 0o666);
    const socket = await withShortPath(path, async (shortPath) => {
      const socket = connect(shortPath);
      await once(socket, 'connect');
      return socket;
    });
    socket.destroy();
  }
  assert.deepEqual(await readdir(join(folder, socketFolder)), []);
});
