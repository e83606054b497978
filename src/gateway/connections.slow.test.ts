import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.ts';
import { openPolicy, readAll, startRawServer } from '../../test/support/gateway.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { errorCode } from '../lib/errors.ts';
import { defaultLimits } from './limits.ts';
import { socketFile, socketFolder, writePolicy } from './policy.ts';

const count = 10_000;
const maxGrowthMib = 150;

test(`${count} connections of one job do not stop those that it has, and take little memory`, async () => {
  await using dir = await makeTempDir();
  await mkdir(join(dir.path, socketFolder));
  await using server = await startRawServer();
  const { rules = [], addresses = [] } = openPolicy(['localhost'], [server.port]);
  await writePolicy(dir.path, { version: 1, jobId: 'job', mode: 'enforce', rules, addresses, remedy: 'Add HOST.' });
  const program = join(import.meta.dirname, '../bin/plan42-gateway.ts');
  const gateway = spawn(process.execPath, ['--max-old-space-size=64', program, dir.path], { stdio: 'ignore' });
  const path = join(dir.path, socketFolder, socketFile);
  const sockets: Socket[] = [];
  try {
    const open = () => eventually(() => tryToConnect(path));
    const tunnel = await open();
    tunnel.write(`CONNECT localhost:${server.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.match(String((await once(tunnel, 'data'))[0]), / 200 /);
    const ping = async () => {
      tunnel.write('ping');
      assert.equal(String((await once(tunnel, 'data'))[0]), 'ping');
    };
    await ping();
    const before = await residentMib(gateway.pid);
    let rejected = 0;
    for (let n = 0; n < count; n += 1) {
      const socket = await open();
      // Some are silent, some begin a request, some are in a tunnel from which they do not read.
      if (n % 3 === 1) socket.write('GET http://localhost/ HTTP/1.1\r\nX: ');
      if (n % 3 === 2) socket.write(`CONNECT localhost:${server.port} HTTP/1.1\r\nHost: x\r\n\r\n${'x'.repeat(5000)}`);
      if (n >= defaultLimits.maxConnections)
        void readAll(socket).then((text) => (rejected += / 503 /.test(text) ? 1 : 0));
      sockets.push(socket);
      if (n % 500 === 0) {
        await nextTurn();
        await ping();
      }
    }
    await ping();
    const growth = (await residentMib(gateway.pid)) - before;
    assert.ok(growth < maxGrowthMib, `${growth} MiB`);
    // Each one beyond the limit gets the reason.
    await eventually(async () => rejected >= count - defaultLimits.maxConnections);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => {
      const socket = await open();
      socket.write('OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      return (await readAll(socket)).startsWith('HTTP/1.1 204 ');
    });
    await ping();
    tunnel.destroy();
  } finally {
    for (const socket of sockets) socket.destroy();
    gateway.kill('SIGKILL');
  }
});

/** Undefined if the gateway is not there yet, or its queue is full. */
async function tryToConnect(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    socket.on('error', () => {});
    return socket;
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED', 'EAGAIN'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function residentMib(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}
