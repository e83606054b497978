import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { defaultCapabilities } from '../config/schema.ts';
import { UserError } from '../lib/errors.ts';
import { checkWallSettings, type WallSettings } from './check-settings.ts';

const settings: WallSettings = {
  jobs: { capabilities: defaultCapabilities, noNewPrivileges: true },
  mounts: [],
  isRemote: false,
  engine: 'docker',
  platform: 'linux',
};

const mountOf = (source: string) => [{ source, target: '/x', isReadOnly: true, relabel: false }];

test('the default settings leave no way around the wall', () => checkWallSettings(settings));

const holes: [what: string, given: Partial<WallSettings>, reason: RegExp, remedy: RegExp][] = [
  ['another system', { platform: 'darwin' }, /docker runs in a virtual machine/, /machine of the engine/],
  ['a remote engine', { isRemote: true }, /docker is on another machine/, /machine of the engine/],
  [
    'gained privileges',
    { jobs: { capabilities: [], noNewPrivileges: false } },
    /jobs\.no_new_privileges is off/,
    /^Set jobs\.no_new_privileges = true/,
  ],
  ...['NET_ADMIN', 'cap_sys_admin', 'ALL', 'DAC_READ_SEARCH', 'SYS_MODULE', 'BPF', 'NEW_ONE'].map(
    (name): (typeof holes)[number] => [
      `the capability ${name}`,
      { jobs: { capabilities: ['CHOWN', name], noNewPrivileges: true } },
      new RegExp(`the capability ${name} opens networks`),
      new RegExp(`^Remove "${name}" from jobs.capabilities`),
    ],
  ),
];

for (const [what, given, reason, remedy] of holes) {
  test(`${what} is refused`, async () => {
    await assert.rejects(checkWallSettings({ ...settings, ...given }), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, reason);
      assert.match(error.remedy ?? '', remedy);
      return true;
    });
  });
}

test('a mount with a socket of this machine is refused', { skip: process.platform !== 'linux' }, async () => {
  await using dir = await makeTempDir();
  for (const name of ['real', 'other']) await mkdir(join(dir.path, name, 'deep'), { recursive: true });
  // Its owner may have bound it by another name of the folder.
  await symlink('real', join(dir.path, 'link'));
  const server = createServer().listen(join(dir.path, 'link/deep/socket'));
  await once(server, 'listening');
  const check = (source: string) => checkWallSettings({ ...settings, mounts: mountOf(join(dir.path, source)) });
  for (const source of ['real', 'real/deep', 'real/deep/socket']) await assert.rejects(check(source), /has the socket/);
  await check('other');
  server.close();
  await once(server, 'close');
  await check('real');
});

for (const source of ['/run', '/run/postgresql', '/var/run', '/tmp', '/', '/var', '/dev/shm/x'])
  test(`a mount of ${source}, where sockets come and go, is refused`, async () => {
    const mounts = mountOf(source);
    await assert.rejects(checkWallSettings({ ...settings, mounts }), /programs of this machine open sockets in/);
  });

test('folders beside these may be mounted', { skip: process.platform !== 'linux' }, async () => {
  for (const source of ['/runner', '/tmpfiles', '/home/ann/.claude', '/tmp/plan42-none', '/var/cache/x'])
    await checkWallSettings({ ...settings, mounts: mountOf(source) });
});
