import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeJobFolder } from '../../test/support/job-folder.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { silentLogger } from '../lib/logger.ts';
import { listSockets, saveMounts } from './mounted-sockets.ts';
import { watchMounts } from './watch-mounts.ts';

test('the kernel’s table has sockets with spaces, without names and with abstract names', () => {
  const table = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 100 /run/a b.sock
0000000000000000: 00000003 00000000 00000000 0001 03 101
0000000000000000: 00000002 00000000 00010000 0001 01 102 @/run/abstract
`;
  assert.deepEqual(listSockets(table), ['/run/a b.sock']);
});

test('a job is killed once a program opens a socket in its mounts, also if the first attempt fails', {
  skip: process.platform !== 'linux',
}, async () => {
  await using dir = await makeTempDir();
  await using job = await makeJobFolder();
  const signal = AbortSignal.timeout(60_000);
  const kills: number[] = [];
  const kill = async () => {
    kills.push(kills.length);
    if (kills.length === 1) throw new Error('the engine does not respond');
  };
  const options = { kill, logger: silentLogger, signal, intervalMs: 5 };
  const named = { ...job, jobId: 'plan42-1' };
  assert.equal(await watchMounts(named, options), undefined, 'without mounts there is nothing to watch');
  await saveMounts(named, [dir.path]);
  const watching = watchMounts(named, options);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(kills, []);
  const server = createServer().listen(join(dir.path, 'late.sock'));
  await once(server, 'listening');
  const found = await watching;
  server.close();
  assert.match(found?.reason ?? '', /opened the socket .*late\.sock in a mounted folder/);
  assert.match(found?.remedy ?? '', /^Remove "/);
  assert.equal(kills.length, 2);
});
