import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { createLogger } from '../lib/logger.ts';
import { runCommand } from '../lib/run-command.ts';
import { withExecutables } from './executables.ts';

test('a given executable is used under its command’s name, and one that is missing is not, with a warning', async () => {
  await using dir = await makeTempDir();
  const place = async (folder: string, name: string, says: string, mode = 0o755) => {
    const path = join(dir.path, folder, name);
    await mkdir(join(dir.path, folder), { recursive: true });
    await writeFile(path, `#!/bin/sh\necho "${says}" "$@"\n`);
    await chmod(path, mode);
    return path;
  };
  const inPath = join(dir.path, 'bin');
  await place('bin', 'podman', 'from PATH');
  await place('bin', 'container', 'from PATH');
  const own = await place("it's own", 'podman-5', 'given');
  let log = '';
  const logger = createLogger({ level: 'debug', format: 'text', write: (line) => (log += line) });
  const stateDir = join(dir.path, 'state');
  await mkdir(stateDir, { mode: 0o700 });
  const setUp = (executables: object) => withExecutables({ PATH: inPath, X: '1' }, executables, { stateDir, logger });
  const output = async (command: string, env: NodeJS.ProcessEnv) =>
    (await runCommand(command, ['a b', '$x'], { env })).stdout;

  const none = await setUp({ container: undefined, podman: undefined });
  assert.deepEqual(none, { PATH: inPath, X: '1' });

  const given = await setUp({ podman: own });
  assert.equal(await output('podman', given), 'given a b $x\n');
  assert.equal(await output('container', given), 'from PATH a b $x\n');
  assert.deepEqual([given['X'], log], ['1', '']);

  const wrapper = join(dir.path, 'wrapper');
  await writeFile(wrapper, '#!/bin/sh\nexec podman wrapped "$@"\n');
  await chmod(wrapper, 0o755);
  assert.equal(await output('podman', await setUp({ podman: wrapper })), 'from PATH wrapped a b $x\n', 'no loop');

  const notExecutable = await place('plain', 'podman', 'never', 0o644);
  for (const path of [join(dir.path, 'missing'), dir.path, notExecutable]) {
    log = '';
    assert.equal(await output('podman', await setUp({ podman: path })), 'from PATH a b $x\n');
    assert.match(log, /WARN {2}executable not found, using the one in PATH command=podman path=/);
  }
});
