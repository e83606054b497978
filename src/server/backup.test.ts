import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, test } from 'node:test';
import { callServer, startControlPlane } from '../../test/support/control-plane.ts';
import { run } from '../../test/support/engines/processes.ts';
import { spawnServer } from '../../test/support/spawn-server.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { UserError } from '../lib/errors.ts';
import { silentLogger } from '../lib/logger.ts';
import { backUp } from './backup.ts';
import { restoreBackup } from './restore.ts';
import { startServer } from './server.ts';

const start = (dataDir: string) =>
  startServer({ dataDir, listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger });

/** Expects a UserError whose remedy, if given, matches. */
async function refused(work: Promise<unknown>, message: RegExp, remedy = /./): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    return true;
  });
}

test('a backup of a running server restores tasks and tokens elsewhere', async () => {
  await using dir = await makeTempDir();
  await using plane = await startControlPlane();
  const [task, runnerToken] = [await plane.newTask(), await plane.newToken()];
  const file = join(dir.path, 'backup.db');
  const message = `${plane.tenant}/tasks/${task}/turns/1/messages/${randomUUID()}`;
  assert.equal((await plane.call('PUT', message, { body: { Message: 'x' } })).status, 200);
  const { bytes, repositories } = await backUp(plane.dataDir, file, { force: false, env: process.env });
  assert.deepEqual(await readdir(dir.path), ['backup.db'], 'nothing else is left');
  const { mode, size } = await stat(file);
  assert.deepEqual([mode & 0o777, size, repositories], [0o600, bytes, 0]);

  await refused(restoreBackup(file, plane.dataDir, process.env), /another server is using it/, /Stop/);
  const restored = join(dir.path, 'restored');
  assert.equal(await restoreBackup(file, restored, process.env), undefined);
  await using server = await start(restored);
  assert.deepEqual(server.admin, plane.server.admin);
  const get = async (path: string, token: string) => (await callServer(server.url, 'GET', path, { token })).status;
  assert.equal(await get(`${plane.tenant}/tasks/${task}/turns/1`, server.admin.tenantToken), 200);
  assert.equal(await get(plane.tenant, runnerToken), 200);
  const again = { token: server.admin.tenantToken, body: { Message: 'another' } };
  assert.equal((await callServer(server.url, 'PUT', message, again)).status, 409, 'the message is there');
  assert.equal((await plane.call('GET', `tasks/${task}`)).status, 200, 'the first server continues');
});

test('a backup replaces a file only with --force, and not the database', async () => {
  await using dir = await makeTempDir();
  await using plane = await startControlPlane();
  const file = join(dir.path, 'backup.db');
  const back = (target: string, force = false) => backUp(plane.dataDir, target, { force, env: process.env });
  await writeFile(file, 'old', { mode: 0o644 });
  await refused(back(file), /already exists/, /--force/);
  assert.equal(await readFile(file, 'utf8'), 'old');
  await back(file, true);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  for (const name of ['plan42.db', 'plan42.db-wal', 'secrets.key', 'admin.json', 'new.db']) {
    await refused(back(join(plane.dataDir, name), true), /it is in the data directory/, /elsewhere/);
  }
  const link = join(dir.path, 'link');
  await symlink(plane.dataDir, link);
  await refused(back(join(link, 'secrets.key'), true), /it is in the data directory/);
  await rm(link);
  await refused(back(dir.path, true), /not a file/);
  await refused(back(join(dir.path, 'missing', 'b.db')), /cannot write .*missing.b\.db$/, /another file/);
  await refused(
    backUp(dir.path, join(dir.path, 'x'), { force: false, env: process.env }),
    /no Plan42 server found/,
    /--data/,
  );
  assert.deepEqual(await readdir(dir.path), ['backup.db']);
});

test('a restore keeps the replaced files, and refuses what is no backup before it changes any', async () => {
  await using dir = await makeTempDir();
  const data = join(dir.path, 'data');
  const file = join(dir.path, 'backup.db');
  const first = await start(data);
  await backUp(data, file, { force: false, env: process.env });
  await first[Symbol.asyncDispose]();

  const other = join(dir.path, 'other');
  const second = await start(other);
  await second[Symbol.asyncDispose]();
  const before = await readFile(join(other, 'admin.json'), 'utf8');
  const bad = join(dir.path, 'bad.db');
  for (const [make, message] of [
    [() => writeFile(bad, ''), /it is empty/],
    [() => writeFile(bad, 'x'.repeat(4096)), /not a SQLite database/],
    [() => rm(bad), /does not exist/],
    [() => makeForeign(bad), /another application/],
    [() => cp(file, bad).then(() => damage(bad)), /damaged/],
    [() => cp(file, bad).then(() => truncate(bad, 20_000)), /damaged/],
    [() => cp(file, bad).then(() => execute(bad, 'PRAGMA user_version = 999')), /newer version/],
  ] as const) {
    await make();
    await refused(restoreBackup(bad, other, process.env), message, /./);
    assert.deepEqual((await readdir(other)).toSorted(), [
      'admin.json',
      'lock',
      'plan42.db',
      'plan42.db-run',
      'secrets.key',
    ]);
  }
  const aside = await restoreBackup(file, other, process.env);
  assert.equal(await readFile(join(aside ?? '', 'admin.json'), 'utf8'), before);
  {
    await using server = await start(other);
    assert.deepEqual(server.admin, first.admin);
  }
  await rm(join(other, 'plan42.db'));
  await restoreBackup(join(aside ?? '', 'plan42.db'), other, process.env);
  await using server = await start(other);
  assert.deepEqual(server.admin, second.admin, 'the replaced database can be restored too');
});

test('hosted repositories are in a backup, shallow and empty ones too, while pushes go on', async () => {
  await using dir = await makeTempDir();
  await using plane = await startControlPlane();
  const work = join(dir.path, 'work');
  const git = async (...args: string[]) => (await run('git', ['-C', work, ...args])).trim();
  const url = (name: string) => {
    const { origin, host } = new URL(plane.server.url);
    return `${origin.replace(host, `x:${plane.server.admin.tenantToken}@${host}`)}${plane.tenant}/repos/${name}.git`;
  };
  for (const name of ['full', 'shallow', 'empty']) assert.equal((await plane.call('PUT', `repos/${name}`)).status, 201);
  await run('git', ['init', '--quiet', '--initial-branch=main', work]);
  const commit = async (text: string) => {
    await writeFile(join(work, 'file'), text);
    await git('add', 'file');
    await git('-c', 'user.name=n', '-c', 'user.email=e', 'commit', '--quiet', '-m', text);
    return git('rev-parse', 'HEAD');
  };
  const first = await commit('first');
  await git('-c', 'user.name=n', '-c', 'user.email=e', 'tag', '-a', '-m', 'tag', 'v1');
  await git('push', '--quiet', url('full'), 'main', 'v1');

  const pushes = async () => {
    const pushed = [first];
    for (let i = 0; i < 12; i += 1) {
      pushed.push(await commit(`${i} ${'x'.repeat(100_000)}`));
      await git('push', '--quiet', url('full'), 'main');
      acknowledged = pushed.length;
    }
    return pushed;
  };
  let acknowledged = 1;
  const pushing = pushes();
  const backups: { file: string; atLeast: number }[] = [];
  for (let i = 0; i < 3; i += 1) {
    const atLeast = acknowledged;
    const file = join(dir.path, `backup-${i}.db`);
    const { repositories } = await backUp(plane.dataDir, file, { force: false, env: process.env });
    assert.equal(repositories, 3);
    backups.push({ file, atLeast });
  }
  const pushed = await pushing;
  const clone = join(dir.path, 'clone');
  await run('git', ['clone', '--quiet', '--depth=2', `file://${work}`, clone]);
  await run('git', ['-C', clone, 'push', '--quiet', url('shallow'), 'main']);
  const last = join(dir.path, 'last.db');
  const { bytes } = await backUp(plane.dataDir, last, { force: false, env: process.env });
  assert.equal(bytes, (await stat(last)).size);

  for (const { file, atLeast } of [...backups, { file: last, atLeast: pushed.length }]) {
    const data = join(dir.path, 'restored');
    await restoreBackup(file, data, process.env);
    const restored = (name: string, ...args: string[]) =>
      run('git', ['-C', join(data, 'repos', `${name}.git`), ...args]).then((text) => text.trim());
    await restored('full', 'fsck', '--strict');
    const tip = await restored('full', 'rev-parse', 'main');
    assert.ok(pushed.indexOf(tip) + 1 >= atLeast, 'each acknowledged push is there');
    assert.equal(await restored('full', 'cat-file', '-t', 'v1'), 'tag');
    assert.equal(await restored('empty', 'for-each-ref'), '');
    if (file === last) assert.equal(await restored('shallow', 'rev-list', '--count', 'main'), '2');
    using database = new DatabaseSync(join(data, 'plan42.db'));
    const rest = database.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'backup%'").all();
    assert.deepEqual(rest, []);
    assert.equal(database.prepare('PRAGMA freelist_count').get()?.['freelist_count'], 0);
    database.close();
    await rm(data, { recursive: true });
  }
});

test('a restore moves the present repositories aside, and those stay if the backup has none of them', async () => {
  await using dir = await makeTempDir();
  await using plane = await startControlPlane();
  await plane.call('PUT', 'repos/kept');
  const file = join(dir.path, 'backup.db');
  await backUp(plane.dataDir, file, { force: false, env: process.env });
  const data = join(dir.path, 'data');
  await restoreBackup(file, data, process.env);
  await rename(join(data, 'repos/kept.git'), join(data, 'repos/other.git'));
  const aside = await restoreBackup(file, data, process.env);
  assert.deepEqual(await readdir(join(data, 'repos')), ['kept.git']);
  assert.deepEqual(await readdir(join(aside ?? '', 'repos')), ['other.git']);

  // As an older version wrote it.
  execute(file, 'DROP TABLE backup_packs; DROP TABLE backup_repositories');
  await restoreBackup(file, data, process.env);
  assert.deepEqual(await readdir(join(data, 'repos')), ['kept.git']);
  await using server = await start(data);
  const { tenantToken: token } = server.admin;
  const list = await callServer(server.url, 'GET', `${plane.tenant}/repos`, { token });
  assert.deepEqual(
    list.body.Items.map(({ Name }: { Name: string }) => Name),
    ['kept'],
  );
});

test('without git, repositories cannot be copied or restored, and nothing changes', async () => {
  await using dir = await makeTempDir();
  await using plane = await startControlPlane();
  const env = { PATH: dir.path };
  const [file, data] = [join(dir.path, 'backup.db'), join(dir.path, 'data')];
  await backUp(plane.dataDir, file, { force: false, env });
  await plane.call('PUT', 'repos/kept');
  await refused(
    backUp(plane.dataDir, file, { force: true, env }),
    /cannot copy the hosted repositories/,
    /Install git/,
  );
  await backUp(plane.dataDir, file, { force: true, env: process.env });
  await refused(restoreBackup(file, data, env), /cannot restore the hosted repositories/, /Install git/);
  assert.deepEqual(await readdir(data), ['lock']);
});

describe('a start refuses, with the way out, and keeps admin.json', () => {
  const cases: Record<string, [(path: string, dir: string) => Promise<unknown>, RegExp]> = {
    'an empty database': [(path) => truncate(path), /it is empty/],
    'a missing database': [(path) => rm(path), /it has admin\.json, but no plan42\.db/],
    'a file that is no database': [(path) => writeFile(path, 'text '.repeat(2000)), /not a SQLite database/],
    'a damaged database': [damage, /it is damaged/],
    'a truncated database': [(path) => truncate(path, 20_000), /it is damaged/],
    'a database of another application': [(path) => rm(path).then(() => makeForeign(path)), /another application/],
    'a backup in its place': [(path, dir) => cp(join(dir, 'backup.db'), path), /it is a backup/],
    'an interrupted restore': [(path) => writeFile(join(path, '../restoring'), ''), /a restore was interrupted/],
  };
  for (const [name, [change, message]] of Object.entries(cases)) {
    test(name, async () => {
      await using dir = await makeTempDir();
      const data = join(dir.path, 'data');
      const { admin, ...first } = await start(data);
      await backUp(data, join(dir.path, 'backup.db'), { force: false, env: process.env });
      await first[Symbol.asyncDispose]();
      const kept = await readFile(join(data, 'admin.json'), 'utf8');
      await change(join(data, 'plan42.db'), dir.path);
      await refused(start(data), message, /plan42 server restore \S+ --data /);
      assert.equal(await readFile(join(data, 'admin.json'), 'utf8'), kept);
      await restoreBackup(join(dir.path, 'backup.db'), data, process.env);
      await using server = await start(data);
      assert.deepEqual(server.admin, admin);
    });
  }

  test('the database of another tenant', async () => {
    await using dir = await makeTempDir();
    const [one, two] = [join(dir.path, 'one'), join(dir.path, 'two')];
    for (const data of [one, two]) await (await start(data))[Symbol.asyncDispose]();
    const kept = await readFile(join(one, 'admin.json'), 'utf8');
    for (const name of ['plan42.db', 'secrets.key']) await cp(join(two, name), join(one, name));
    await refused(start(one), /another tenant/, /mv \S+admin\.json /);
    assert.equal(await readFile(join(one, 'admin.json'), 'utf8'), kept);
  });

  test('a copy beside the write-ahead log of another database', async () => {
    await using dir = await makeTempDir();
    const data = join(dir.path, 'data');
    await (await start(data))[Symbol.asyncDispose]();
    const copy = join(dir.path, 'copy.db');
    await cp(join(data, 'plan42.db'), copy);
    const { tenantId, tenantToken: token } = JSON.parse(await readFile(join(data, 'admin.json'), 'utf8'));
    const environments = `/v1/tenants/${tenantId}/environments`;
    const addAndKill = async () => {
      const child = await spawnServer(data);
      assert.equal(
        (await child.call('PUT', `${environments}/${crypto.randomUUID()}`, { token, body: {} })).status,
        201,
      );
      await child.kill();
      assert.ok((await stat(join(data, 'plan42.db-wal'))).size > 0);
    };
    await addAndKill();
    // Without a replaced database, nothing is lost.
    await addAndKill();
    await cp(copy, join(data, 'plan42.db'));
    await refused(
      start(data),
      /plan42\.db-wal belongs to the one before it/,
      /^Run: mv \S+ \S+ && plan42 server restore /,
    );
    await rename(join(data, 'plan42.db'), join(data, 'plan42.db.copy'));
    await restoreBackup(join(data, 'plan42.db.copy'), data, process.env);
    await using server = await start(data);
    const list = await callServer(server.url, 'GET', environments, { token });
    assert.deepEqual(list.body.Items, [], 'the log was not applied');
  });
});

test('a database without a mark, as older versions wrote it, is opened', async () => {
  await using dir = await makeTempDir();
  const first = await start(dir.path);
  await first[Symbol.asyncDispose]();
  execute(join(dir.path, 'plan42.db'), "PRAGMA application_id = 0; DELETE FROM settings WHERE Name = 'runMark'");
  await rm(join(dir.path, 'plan42.db-run'));
  await using server = await start(dir.path);
  assert.deepEqual(server.admin, first.admin);
});

test('a killed first start leaves nothing in the way of the next one', async () => {
  await using dir = await makeTempDir();
  const data = join(dir.path, 'data');
  await mkdir(data);
  await writeFile(join(data, 'lock'), '');
  await writeFile(join(data, 'plan42.db.new'), 'half');
  await (await start(data))[Symbol.asyncDispose]();
  assert.deepEqual((await readdir(data)).toSorted(), [
    'admin.json',
    'lock',
    'plan42.db',
    'plan42.db-run',
    'secrets.key',
  ]);
});

function execute(path: string, sql: string): void {
  using database = new DatabaseSync(path);
  database.exec(sql);
}

async function makeForeign(path: string): Promise<void> {
  execute(path, 'CREATE TABLE notes (Text TEXT)');
}

/** Overwrites the middle of the file. */
async function damage(path: string): Promise<void> {
  const content = await readFile(path);
  content.fill(0xa5, 8192, content.length - 4096);
  await writeFile(path, content);
}
