import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { parseProbe, probeScript } from './probe-base.ts';

test('a Node.js that does not start is no Node.js, and says why', async () => {
  await using dir = await makeTempDir();
  const node = join(dir.path, 'node');
  const probe = () => {
    const env = { PATH: `${dir.path}:/usr/bin:/bin` };
    return parseProbe('base:1', execFileSync('/bin/sh', ['-c', probeScript], { env, encoding: 'utf8' }));
  };
  await writeFile(node, '#!/bin/sh\necho v24.1.0\necho warning >&2\n');
  await chmod(node, 0o755);
  assert.deepEqual([probe().node, probe().nodeProblem], [24, undefined]);

  const problem = 'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file';
  await writeFile(node, `#!/bin/sh\necho "${problem}" >&2\nexit 127\n`);
  assert.deepEqual([probe().node, probe().nodeProblem], [undefined, problem]);
});
