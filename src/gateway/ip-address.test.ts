import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { seededRandom } from '../../test/support/random.ts';
import { embeddedIpv4, kindOf } from './address-kind.ts';
import { contains, parseAddress, parseBlock, showAddress, showBlock } from './ip-address.ts';

test('addresses are shown as they are read', () => {
  for (const text of ['0.0.0.0', '255.255.255.255', '192.0.2.1', '::', '::1', '2001:db8::1', 'fe80::1:2:3:4', '1::'])
    assert.equal(showAddress(parseAddress(text) ?? assert.fail(text)), text);
  const texts = ['', '1.2.3', '01.2.3.4', '1.2.3.4 ', '[::1]', 'fe80::1%1', ':::', '1:2:3:4:5:6:7:8:9', '1.2.3.256'];
  for (const text of texts) assert.equal(parseAddress(text), undefined, text);
});

test('a block contains the same addresses as in Node.js', () => {
  const random = seededRandom(17);
  const integer = (below: number) => Math.floor(random() * below);
  const anyIpv4 = () => Array.from({ length: 4 }, () => integer(256)).join('.');
  const anyIpv6 = () => Array.from({ length: 8 }, () => integer(65_536).toString(16)).join(':');
  for (let n = 0; n < 2000; n++) {
    const isIpv4 = n % 2 === 0;
    const [base, other] = isIpv4 ? [anyIpv4(), anyIpv4()] : [anyIpv6(), anyIpv6()];
    const bits = integer(isIpv4 ? 33 : 129);
    const address = parseAddress(base) ?? assert.fail(base);
    const all = isIpv4 ? 32 : 128;
    const value = (address.value >> BigInt(all - bits)) << BigInt(all - bits);
    const block = parseBlock(`${showAddress({ ...address, value })}/${bits}`) ?? assert.fail();
    const list = new BlockList();
    list.addSubnet(showAddress(block), bits, isIpv4 ? 'ipv4' : 'ipv6');
    for (const each of [base, other, showAddress({ ...address, value: address.value ^ 1n })])
      assert.equal(
        contains(block, parseAddress(each) ?? assert.fail(each)),
        list.check(each, isIpv4 ? 'ipv4' : 'ipv6'),
      );
    assert.deepEqual(parseBlock(showBlock(block)), block);
  }
});

test('blocks with bits beyond their prefix, or without one, are rejected', () => {
  for (const text of ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '::1/64', '/8', '10/8'])
    assert.equal(parseBlock(text), undefined, text);
});

test('every address that is not public has its kind', () => {
  const kinds: Record<string, string[]> = {
    public: ['8.8.8.8', '1.1.1.1', '172.32.0.1', '172.15.255.255', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'],
    private: [
      '10.0.0.1',
      '10.255.255.255',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      'fc00::1',
      'fd12::1',
      'fec0::1',
    ],
    loopback: ['127.0.0.1', '127.255.255.254', '::1'],
    'link-local': ['169.254.0.1', '169.254.169.253', 'fe80::1', 'febf::1'],
    metadata: ['169.254.169.254', '169.254.170.2', '100.100.100.200', '192.0.0.192', '168.63.129.16', 'fd00:ec2::254'],
    shared: ['100.64.0.1', '100.127.255.255'],
    multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
    unspecified: ['0.0.0.0', '::'],
    documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
    translated: [
      ...[
        '::ffff:8.8.8.8',
        '::8.8.8.8',
        '64:ff9b::8.8.8.8',
        '64:ff9b:1::1',
        '2002:808:808::1',
        '2001::1',
        '192.88.99.1',
      ],
      '::ffff:0:8.8.8.8',
    ],
    reserved: [
      '0.0.0.1',
      '192.0.0.1',
      '198.18.0.1',
      '240.0.0.1',
      '255.255.255.255',
      '2001:2::1',
      '4000::1',
      '5f00::1',
      '100::1',
    ],
  };
  for (const [kind, addresses] of Object.entries(kinds))
    for (const text of addresses) assert.equal(kindOf(parseAddress(text) ?? assert.fail(text)), kind, text);
});

test('the IPv4 address inside of another is found', () => {
  const embedded = (text: string) => {
    const found = embeddedIpv4(parseAddress(text) ?? assert.fail(text));
    return found && showAddress(found);
  };
  assert.equal(embedded('::ffff:127.0.0.1'), '127.0.0.1');
  assert.equal(embedded('64:ff9b::169.254.169.254'), '169.254.169.254');
  assert.equal(embedded('2002:7f00:1::1'), '127.0.0.1');
  assert.equal(embedded('2606:4700::1'), undefined);
  assert.equal(embedded('127.0.0.1'), undefined);
});
