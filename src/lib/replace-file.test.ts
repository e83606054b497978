import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmod, chown, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { asOrdinaryUser } from '../../test/support/ordinary-user.ts';
import { requiresCommands } from '../../test/support/requires-command.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { writeDurably } from './files.ts';
import { followLinks, replaceFile } from './replace-file.ts';

const isRoot = process.getuid?.() === 0;
const [alice, group] = [4242, 4343];
const bob = 65_534;

/** Tests with several users need root. */
function needsRoot(t: TestContext): boolean {
  if (!isRoot) t.skip('needs root, to become other users');
  return isRoot;
}

async function file(content: string) {
  const dir = await makeTempDir();
  const path = join(dir.path, 'c.toml');
  await writeFile(path, content, { mode: 0o600 });
  return { dir, path, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

const rights = async (path: string) => {
  const { uid, gid, mode, ino } = await stat(path);
  return { uid, gid, mode: mode & 0o7777, ino };
};

test('a file of another user stays that user’s, by the program of root', async (t) => {
  if (!needsRoot(t)) return;
  await using replaced = await file('old');
  for (const [uid, gid, mode] of [
    [alice, group, 0o600],
    [0, group, 0o640],
    [alice, 0, 0o664],
  ] as const) {
    await chown(replaced.path, uid, gid);
    await chmod(replaced.path, mode);
    const before = await rights(replaced.path);
    await replaceFile(replaced.path, `new ${mode}`);
    const after = await rights(replaced.path);
    assert.deepEqual({ ...after, ino: 0 }, { ...before, ino: 0 });
    assert.notEqual(after.ino, before.ino, 'it was written in place');
    assert.equal(await readFile(replaced.path, 'utf8'), `new ${mode}`);
  }
  assert.deepEqual(await readdir(replaced.dir.path), ['c.toml']);
});

test('access lists and extended attributes stay', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs Linux');
  if (!(await requiresCommands(t, 'setfacl', 'setfattr', 'getfattr'))) return;
  await using replaced = await file('old');
  execFileSync('setfacl', ['-m', `u:${alice}:r`, replaced.path]);
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', replaced.path]);
  await replaceFile(replaced.path, 'new');
  const list = execFileSync('getfacl', ['--numeric', '--absolute-names', replaced.path], { encoding: 'utf8' });
  assert.match(list, new RegExp(`^user:${alice}:r--$`, 'm'));
  const note = execFileSync('getfattr', ['--only-values', '--absolute-names', '-n', 'user.note', replaced.path]);
  assert.equal(note.toString(), 'kept');
});

test('a user may write a file of root that its group can write, which stays root’s', async (t) => {
  if (!needsRoot(t)) return;
  await using replaced = await file('old and longer');
  // In the user's own folder a rename would make the file the user's.
  await chown(replaced.dir.path, bob, 0);
  await chmod(replaced.path, 0o666);
  const before = await rights(replaced.path);
  await asOrdinaryUser(() => replaceFile(replaced.path, 'new'));
  assert.deepEqual(await rights(replaced.path), before);
  assert.equal(await readFile(replaced.path, 'utf8'), 'new');
  // Without the right to write it, it is not replaced either.
  await chmod(replaced.path, 0o644);
  await assert.rejects(
    asOrdinaryUser(() => replaceFile(replaced.path, 'newer')),
    { code: 'EACCES' },
  );
  assert.equal(await readFile(replaced.path, 'utf8'), 'new');
  assert.deepEqual(await readdir(replaced.dir.path), ['c.toml']);
});

test('a file in a folder that is read-only is written in place', async (t) => {
  if (!needsRoot(t)) return;
  await using replaced = await file('old');
  await chown(replaced.path, bob, 0);
  await chmod(replaced.dir.path, 0o755);
  const before = await rights(replaced.path);
  await asOrdinaryUser(() => replaceFile(replaced.path, 'new'));
  assert.deepEqual(await rights(replaced.path), before);
  assert.equal(await readFile(replaced.path, 'utf8'), 'new');
});

test('a file that is a bind mount is written in place; a read-only one is refused', async (t) => {
  if (process.platform !== 'linux' || !needsRoot(t)) return;
  if (!(await requiresCommands(t, 'unshare', 'mount'))) return;
  await using replaced = await file('old');
  const mountPoint = join(replaced.dir.path, 'mounted.toml');
  await writeFile(mountPoint, '');
  const script = `
    const { replaceFile } = await import(${JSON.stringify(join(import.meta.dirname, 'replace-file.ts'))});
    await replaceFile(process.argv[1], process.argv[2]).then(
      () => console.log('replaced'),
      (error) => console.log(error.code),
    );`;
  const shell = `
    mount --bind "$1" "$2"
    "$3" --input-type=module --eval "$4" "$2" new
    mount -o remount,ro,bind "$2"
    "$3" --input-type=module --eval "$4" "$2" newer`;
  const args = ['--mount', 'sh', '-ec', shell, '-', replaced.path, mountPoint, process.execPath, script];
  const { stdout } = await promisify(execFile)('unshare', args, { env: { PATH: process.env['PATH'] } });
  assert.equal(stdout, 'replaced\nEROFS\n');
  assert.equal(await readFile(replaced.path, 'utf8'), 'new');
  assert.deepEqual((await readdir(replaced.dir.path)).toSorted(), ['c.toml', 'mounted.toml']);
});

test('a full disk leaves the old content, in place too', async (t) => {
  if (process.platform !== 'linux' || !needsRoot(t)) return;
  await using dir = await makeTempDir();
  const script = `
    import { readFileSync, readdirSync } from 'node:fs';
    const { replaceFile } = await import(${JSON.stringify(join(import.meta.dirname, 'replace-file.ts'))});
    const [folder] = process.argv.slice(1);
    for (const name of ['c.toml', 'mounted.toml']) {
      const code = await replaceFile(folder + '/' + name, 'x'.repeat(2_000_000)).catch((error) => error.code);
      console.log(name, code, readFileSync(folder + '/' + name, 'utf8'));
    }
    console.log(readdirSync(folder).join());`;
  const shell = `
    mount -t tmpfs -o size=1m tmpfs "$1"
    printf old | tee "$1/c.toml" "$1/mounted.toml" >/dev/null
    mount --bind "$1/mounted.toml" "$1/mounted.toml"
    "$2" --input-type=module --eval "$3" "$1"`;
  const args = ['--mount', 'sh', '-ec', shell, '-', dir.path, process.execPath, script];
  const { stdout } = await promisify(execFile)('unshare', args, { env: { PATH: process.env['PATH'] } });
  assert.equal(stdout, 'c.toml ENOSPC old\nmounted.toml ENOSPC old\nc.toml,mounted.toml\n');
});

test('a link stays, and its target is replaced', async () => {
  await using replaced = await file('old');
  const link = join(replaced.dir.path, 'link');
  await symlink('c.toml', link);
  await chmod(replaced.path, 0o640);
  await replaceFile(link, 'new');
  assert.ok((await lstat(link)).isSymbolicLink());
  assert.equal(await readFile(replaced.path, 'utf8'), 'new');
  assert.equal((await stat(replaced.path)).mode & 0o777, 0o640);
});

test('another user’s link to a file of ours is refused', async (t) => {
  if (!needsRoot(t)) return;
  await using replaced = await file('old');
  const link = join(replaced.dir.path, 'link');
  await mkdir(join(replaced.dir.path, 'home'));
  for (const target of ['c.toml', 'missing']) {
    await symlink(join(replaced.dir.path, target), link);
    execFileSync('chown', ['--no-dereference', String(alice), link]);
    await assert.rejects(replaceFile(link, 'new'), /another user’s link/);
    execFileSync('rm', [link]);
  }
  assert.equal(await readFile(replaced.path, 'utf8'), 'old');
  // To a file of that user, it is followed.
  await symlink('c.toml', link);
  execFileSync('chown', ['--no-dereference', String(alice), link, replaced.path]);
  assert.equal(await followLinks(link), replaced.path);
});

test('a new file is private, and belongs to the owner of the folder in which root creates it', async (t) => {
  await using dir = await makeTempDir();
  if (isRoot) await chown(dir.path, alice, group);
  const write: [string, (path: string) => Promise<void>][] = [
    ['a', (path) => replaceFile(path, 'new')],
    ['b', (path) => writeDurably(path, 'new')],
  ];
  for (const [name, run] of write) {
    const path = join(dir.path, name);
    await run(path);
    const { uid, gid, mode } = await rights(path);
    assert.equal(mode, 0o600);
    if (isRoot) assert.deepEqual([uid, gid], [alice, group]);
  }
  t.diagnostic(isRoot ? 'as root' : 'as a user');
});

test('what is no file is refused', async () => {
  await assert.rejects(replaceFile('/dev/null', 'new'), /is not a regular file/);
});
