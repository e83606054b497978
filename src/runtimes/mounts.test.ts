import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { parseMount } from '../config/mounts.ts';
import { UserError } from '../lib/errors.ts';
import { checkMounts } from './mounts.ts';

const check = async (source: string, guard: { env?: NodeJS.ProcessEnv; protectedPaths?: string[] } = {}) =>
  (await checkMounts([parseMount(`${source}:/target`)], { env: {}, protectedPaths: [], ...guard }))[0]?.source;

test('a mount has the real path of its source', async () => {
  await using dir = await makeTempDir();
  const root = await realpath(dir.path);
  await writeFile(join(root, 'file'), '');
  await symlink('file', join(root, 'link'));
  assert.equal(await check(join(dir.path, 'link')), join(root, 'file'));
});

test('a mount that is missing, or whose path engines misread, is refused', async () => {
  await using dir = await makeTempDir();
  await assert.rejects(check(join(dir.path, 'none')), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(`${error.message}. ${error.remedy}`, /none: it does not exist\. Create it, or correct jobs\.mounts/);
    return true;
  });
  await mkdir(join(dir.path, 'a,readonly=false'));
  await symlink('a,readonly=false', join(dir.path, 'odd'));
  await assert.rejects(check(join(dir.path, 'odd')), /a name that engines cannot mount/);
});

test('the socket of an engine is refused, by every way to it', async () => {
  await using dir = await makeTempDir();
  await mkdir(join(dir.path, 'run/podman'), { recursive: true });
  const socket = join(dir.path, 'run/podman/podman.sock');
  const server = createServer().listen(socket);
  await once(server, 'listening');
  try {
    await symlink(join(dir.path, 'run'), join(dir.path, 'innocent'));
    for (const env of [{ XDG_RUNTIME_DIR: join(dir.path, 'run') }, { DOCKER_HOST: `unix://${socket}` }]) {
      for (const source of [socket, join(dir.path, 'run'), join(dir.path, 'innocent'), dir.path, '/'])
        await assert.rejects(check(source, { env }), /podman\.sock, with which an agent controls/, source);
    }
  } finally {
    server.close();
  }
});

test('the files of the runner are refused, and folders that contain them', async () => {
  await using dir = await makeTempDir();
  await mkdir(join(dir.path, 'state/jobs'), { recursive: true });
  await mkdir(join(dir.path, 'state-of-others'));
  await writeFile(join(dir.path, 'runner.toml'), '');
  const protectedPaths = [join(dir.path, 'state'), join(dir.path, 'runner.toml')];
  for (const source of ['', 'state', 'state/jobs', 'runner.toml'])
    await assert.rejects(check(join(dir.path, source), { protectedPaths }), /the runner’s own files are in /, source);
  await check(join(dir.path, 'state-of-others'), { protectedPaths });
});

test('a read-only mount is refused if a file system below it would stay writable', {
  skip: process.platform !== 'linux',
}, async () => {
  const guard = { env: {}, protectedPaths: [] };
  await assert.rejects(checkMounts([parseMount('/sys:/a')], guard), /the file system \/sys\/\S+ below it would stay/);
  await checkMounts([parseMount('/sys:/a:rw')], guard);
});
