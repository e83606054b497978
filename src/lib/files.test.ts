/** durable-file, watch-folder and lock, all of them on real folders. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { writeDurably } from './files.ts';
import { tryLockFolder } from './lock.ts';
import { watchUntil } from './watch-folder.ts';

let dir: TempDir;
let path: string;
beforeEach(async () => {
  dir = await makeTempDir();
  path = join(dir.path, 'file');
});
afterEach(() => dir[Symbol.asyncDispose]());

describe('a durable write', () => {
  test('creates or replaces the file, for its owner only, and leaves nothing else', async () => {
    await writeFile(path, 'old', { mode: 0o644 });
    for (const content of ['new', '', Buffer.from([0, 255])]) {
      await writeDurably(path, content);
      assert.deepEqual(await readFile(path), Buffer.from(content));
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    }
    await writeDurably(path, 'x', 0o640);
    assert.equal((await stat(path)).mode & 0o777 & ~0o022, 0o640 & ~0o022);
    assert.deepEqual(await readdir(dir.path), ['file']);
  });

  test('that fails leaves the old file and nothing else', async () => {
    await mkdir(path);
    await assert.rejects(writeDurably(path, 'x'));
    assert.deepEqual(await readdir(dir.path), ['file']);
    await assert.rejects(writeDurably(join(dir.path, 'missing/file'), 'x'), { code: 'ENOENT' });
  });

  test('is never visible half-written, with several writers', async () => {
    const contents = Array.from({ length: 10 }, (_, i) => `${i}`.repeat(100_000));
    await writeDurably(path, contents[0] ?? '');
    const writing = Promise.all(contents.map((content) => writeDurably(path, content)));
    for (let i = 0; i < 100; i += 1) assert.ok(contents.includes(await readFile(path, 'utf8')));
    await writing;
    assert.deepEqual(await readdir(dir.path), ['file']);
  });
});

describe('watching a folder', () => {
  const check = async () => ((await readdir(dir.path)).includes('file') ? 'there' : undefined);

  test('resolves as soon as there is a result', async () => {
    const watching = watchUntil(dir.path, check, undefined);
    const start = performance.now();
    await writeFile(path, '');
    assert.equal(await watching, 'there');
    assert.ok(performance.now() - start < 900, 'it was not the notification');
    assert.equal(await watchUntil(dir.path, check, undefined), 'there');
  });

  test('rejects with the signal’s reason, and with the check’s error', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const watching = watchUntil(dir.path, check, controller.signal);
    controller.abort(reason);
    await assert.rejects(watching, (error) => error === reason);
    await assert.rejects(watchUntil(dir.path, check, controller.signal), (error) => error === reason);
    await assert.rejects(
      watchUntil(dir.path, () => Promise.reject(new Error('bad')), undefined),
      /bad/,
    );
  });

  test('runs one check at a time', async () => {
    let [checking, checks] = [0, 0];
    const watching = watchUntil(
      dir.path,
      async () => {
        checking += 1;
        checks += 1;
        assert.equal(checking, 1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        checking -= 1;
        // On a busy machine, the file may be there before the first check has ended.
        return checks > 1 ? check() : undefined;
      },
      undefined,
    );
    for (let i = 0; i < 30; i += 1) await writeFile(join(dir.path, `other${i}`), '');
    await writeFile(path, '');
    await watching;
    assert.ok(checks > 1);
  });
});

describe('the lock of a folder', () => {
  test('is exclusive, and free after release', () => {
    const lock = tryLockFolder(dir.path);
    assert.ok(lock);
    assert.equal(tryLockFolder(dir.path), undefined);
    lock[Symbol.dispose]();
    const again = tryLockFolder(dir.path);
    assert.ok(again);
    again[Symbol.dispose]();
  });

  test('excludes other processes, and is free after one is killed', async () => {
    const program = `
      import { tryLockFolder } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)};
      globalThis.lock = tryLockFolder(${JSON.stringify(dir.path)});
      console.log(globalThis.lock === undefined ? 'refused' : 'locked');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(said.toString().trim(), 'locked');
    assert.equal(tryLockFolder(dir.path), undefined);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = await eventually(async () => tryLockFolder(dir.path));
    lock[Symbol.dispose]();
  });
});
