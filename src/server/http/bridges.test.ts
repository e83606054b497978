import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findBridges } from './bridges.ts';

const line = (...fields: (string | number)[]) => `${fields.join('\t')}\n`;
const routes = [
  line('Iface', 'Destination', 'Gateway ', 'Flags', 'RefCnt', 'Use', 'Metric', 'Mask', 'MTU'),
  line('eth0', '00000000', '010200C0', '0003', 0, 0, 0, '00000000', 0),
  line('eth0', '000200C0', '00000000', '0001', 0, 0, 0, '00FFFFFF', 0),
  line('docker0', '000011AC', '00000000', '0001', 0, 0, 0, '0000FFFF', 0),
  line('br-0123456789ab', '000012AC', '00000000', '0001', 0, 0, 0, '0000FFFF', 0),
  line('podman1', '0000580A', '00000000', '0001', 0, 0, 0, '0000FFFF', 0),
  line('br0', '0001A8C0', '00000000', '0001', 0, 0, 0, '00FFFFFF', 0),
  line('virbr0', '007AA8C0', '00000000', '0001', 0, 0, 0, '00FFFFFF', 0),
].join('');
const local = (address: string) => `              |-- ${address}\n                 /32 host LOCAL\n`;
const trie = [
  'Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 172.17.0.0\n        /16 link UNICAST\n',
  ...['172.17.0.1', '192.0.2.2', '10.88.0.1', '192.168.1.2', '192.168.122.1', '127.0.0.1'].map(local),
].join('');

const read = async (path: string) => (path === '/proc/net/route' ? routes : trie);

test('bridges of docker and podman are found, with or without containers, and no others', async () => {
  const found = await findBridges(read);
  assert.deepEqual(
    found.map(({ name, address }) => `${name} ${address}`),
    ['docker0 172.17.0.1', 'podman1 10.88.0.1'],
  );
});

test('a bridge includes the addresses of its subnet only', async () => {
  const [docker] = await findBridges(read);
  const addresses = [
    '172.17.0.1',
    '::ffff:172.17.255.9',
    '172.18.0.1',
    '192.0.2.2',
    '',
    '::1',
    '172.17.0.1.1',
    '999.1.1.1',
  ];
  assert.deepEqual(
    addresses.filter((address) => docker?.includes(address)),
    ['172.17.0.1', '::ffff:172.17.255.9'],
  );
});

test('a system without these files has none', async () => {
  assert.deepEqual(await findBridges(() => Promise.reject(new Error('ENOENT'))), []);
});
