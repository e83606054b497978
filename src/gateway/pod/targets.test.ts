import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { parseAddress, showAddress } from '../ip-address.ts';
import { encodeAddress } from './channel.ts';
import { openClosedPort } from './closed-port.ts';
import { encodeTargets, findTargets } from './targets.ts';

const address = (text: string) => {
  const parsed = parseAddress(text);
  assert.ok(parsed);
  return parsed;
};

test('addresses are encoded as the program "init" reads them', () => {
  assert.equal(encodeAddress(address('10.0.1.2')), '0a000102');
  assert.equal(encodeAddress(address('::1')), `${'0'.repeat(31)}1`);
  const bytes = encodeTargets([
    { protocol: 'tcp', address: address('10.0.1.2'), port: 7044 },
    { protocol: 'udp', address: address('fd00::9'), port: 53 },
  ]);
  assert.equal(bytes.toString('hex'), `0206041b840a000102${'00'.repeat(12)}11060035fd00${'00'.repeat(13)}09`);
});

test('a node with IPv6, too, is a target at each port that answers', async () => {
  await using stack = new AsyncDisposableStack();
  const server = createServer();
  stack.defer(() => void server.close());
  // A port of an API server, at addresses of this machine, which stands in for a node.
  await once(server.listen(6443), 'listening');
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const usable = addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const families = new Map(usable.map(({ family, address }) => [family, address]));
  const found = await findTargets({ PLAN42_NODE_ADDRESS: [...families.values()].join(',') });
  const nodes = found.filter(({ protocol, port }) => protocol === 'tcp' && port === 6443);
  assert.deepEqual(nodes.map(({ address }) => showAddress(address)).toSorted(), [...families.values()].toSorted());
});

test('what answers is a target, what does not is none', async (t) => {
  // A free port of the machine, in place of the API server.
  const own = { KUBERNETES_SERVICE_HOST: '127.0.0.1', PLAN42_NODE_ADDRESS: '192.0.2.1' };
  await using _closed = await openClosedPort(7044).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    t.skip('port 7044 is in use');
    return { [Symbol.asyncDispose]: async () => {} };
  });
  const found = await findTargets(own);
  const ports = found.map(({ protocol, port }) => `${protocol} ${port}`);
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outer = addresses.filter(({ internal, family }) => !internal && family === 'IPv4');
  for (const protocol of ['tcp', 'udp'])
    assert.ok(ports.filter((port) => port === `${protocol} 7044`).length >= outer.length, ports.join());
  assert.ok(!ports.includes('tcp 10250'));
  // Loopback is no evidence.
  assert.ok(!ports.includes('tcp 443'));
});
