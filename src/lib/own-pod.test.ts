import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { findOwnPod, podCommandPrefix } from './own-pod.ts';

test('a process in a pod finds its name and its namespace', async () => {
  await using dir = await makeTempDir();
  const file = join(dir.path, 'namespace');
  const inPod = { KUBERNETES_SERVICE_HOST: '10.0.0.1', HOSTNAME: 'runner-1' };
  assert.equal(await findOwnPod(inPod, file), undefined);
  await writeFile(file, 'agents\n');
  assert.deepEqual(await findOwnPod(inPod, file), { namespace: 'agents', name: 'runner-1' });
  assert.equal(await podCommandPrefix(inPod, file), 'kubectl --namespace agents exec runner-1 -- ');
  assert.equal(await podCommandPrefix({}, file), '');
  assert.equal(await findOwnPod({ HOSTNAME: 'laptop' }, file), undefined);
});
