import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type ListenOptions, Server } from 'node:net';
import { test } from 'node:test';
import { listen } from './listen.ts';

async function connects(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** As on a machine without IPv6. */
class Ipv4Server extends Server {
  override listen(...args: unknown[]): this {
    const [options] = args as [ListenOptions];
    if (options.host !== '::') return super.listen(options);
    const error = Object.assign(new Error('listen EAFNOSUPPORT'), { code: 'EAFNOSUPPORT' });
    process.nextTick(() => this.emit('error', error));
    return this;
  }
}

test('all addresses are those of both families, or those that the machine has', async () => {
  for (const [server, isBoth] of [
    [createServer(), true],
    [new Ipv4Server(), false],
  ] as const) {
    await listen(server, { host: '::', port: 0 });
    const { port } = server.address() as AddressInfo;
    assert.equal(await connects('127.0.0.1', port), true);
    assert.equal(await connects('::1', port), isBoth);
    server.close();
  }
});

test('another address that is in use is an error', async () => {
  const first = createServer();
  await listen(first, { host: '127.0.0.1', port: 0 });
  const { port } = first.address() as AddressInfo;
  await assert.rejects(listen(createServer(), { host: '127.0.0.1', port }), { code: 'EADDRINUSE' });
  first.close();
});
