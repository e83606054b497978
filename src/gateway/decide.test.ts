import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { decide, refuseAddress } from './decide.ts';
import { parseEntry } from './entries.ts';
import { parseTarget } from './host-name.ts';
import { parseAddress, showBlock } from './ip-address.ts';
import type { EgressPolicy } from './policy.ts';

const base: EgressPolicy = { version: 1, jobId: 'job', mode: 'enforce', rules: [], addresses: [], remedy: 'Add HOST.' };
const ports = [443, 80];
const address = (cidr: string, only = ports) => ({ cidr, ports: only, source: cidr });

function isRefused(policy: Partial<EgressPolicy>, text: string, mayBePrivate = false, port = 443): boolean {
  const parsed = parseAddress(text) ?? assert.fail(text);
  return refuseAddress({ ...base, ...policy }, { rule: 'x', mayBePrivate }, parsed, port) !== undefined;
}

test('a name may have public addresses only', () => {
  assert.equal(isRefused({}, '8.8.8.8'), false);
  assert.equal(isRefused({}, '2606:4700::1'), false);
  for (const text of [
    '10.0.0.1',
    'fd00::1',
    '127.0.0.1',
    '::1',
    '169.254.169.254',
    '0.0.0.0',
    '100.64.0.1',
    '::ffff:8.8.8.8',
  ])
    assert.equal(isRefused({}, text), true, text);
});

test('a name of the configuration may have private addresses, and no others', () => {
  for (const text of ['10.255.0.1', '172.16.255.1', '192.168.255.1', 'fdff::1'])
    assert.equal(isRefused({}, text, true), false, text);
  const others = [
    '127.0.0.1',
    '::1',
    '169.254.1.1',
    '169.254.169.254',
    'fd00:ec2::254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
  ];
  for (const text of [...others, '::ffff:10.0.0.1', '64:ff9b::a00:1'])
    assert.equal(isRefused({}, text, true), true, text);
});

test('a block of the configuration opens what lies within its kind, on its ports', () => {
  const isOpen = (cidr: string, text: string, port?: number) =>
    !isRefused({ addresses: [address(cidr)] }, text, false, port);
  assert.equal(isOpen('10.0.0.0/8', '10.1.2.3'), true);
  assert.equal(isOpen('10.0.0.0/8', '10.1.2.3', 22), false);
  assert.equal(isOpen('127.0.0.1/32', '127.0.0.1'), true);
  assert.equal(isOpen('127.0.0.0/8', '127.0.0.2'), true);
  assert.equal(isOpen('fe80::/10', 'fe80::1'), true);
  assert.equal(isOpen('100.64.0.0/10', '100.64.0.1'), true);
  for (const text of ['10.0.0.1', '127.0.0.1', '169.254.169.254', '100.64.0.1'])
    assert.equal(isOpen('0.0.0.0/0', text), false, text);
  for (const text of ['::1', 'fd00::1', 'fe80::1', '::ffff:10.0.0.1']) assert.equal(isOpen('::/0', text), false, text);
  assert.equal(isOpen('8.0.0.0/6', '10.0.0.1'), false);
});

test('metadata and this machine need an entry of exactly their address', () => {
  const isOpen = (cidr: string, text: string) => !isRefused({ addresses: [address(cidr)] }, text);
  assert.equal(isOpen('169.254.169.254/32', '169.254.169.254'), true);
  assert.equal(isOpen('169.254.0.0/16', '169.254.169.254'), false);
  assert.equal(isOpen('100.64.0.0/10', '100.100.100.200'), false);
  assert.equal(isOpen('fc00::/7', 'fd00:ec2::254'), false);
  for (const own of Object.values(networkInterfaces()).flatMap((found) => found ?? [])) {
    if (own.family !== 'IPv4') continue;
    assert.equal(isRefused({}, own.address, true), true, own.address);
    assert.equal(isOpen(own.cidr?.replace(/.*\//, '0.0.0.0/') ?? '', own.address), false);
    assert.equal(isOpen(`${own.address}/32`, own.address), true);
  }
});

test('an address that contains another needs entries for both', () => {
  const refused = (...cidrs: string[]) =>
    isRefused({ addresses: cidrs.map((cidr) => address(cidr)) }, '64:ff9b::a9fe:a9fe');
  assert.equal(refused('64:ff9b::/96'), true);
  assert.equal(refused('169.254.169.254/32'), true);
  assert.equal(refused('64:ff9b::/96', '169.254.169.254/32'), false);
  assert.equal(isRefused({ addresses: [address('64:ff9b::/96')] }, '64:ff9b::808:808'), false);
});

test('the remedy of an address names each entry that it needs, and why', () => {
  const own = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const { address: mine } = own.find(({ family }) => family === 'IPv4') ?? assert.fail('no IPv4');
  for (const [text, reason] of [
    ['10.0.0.1:8099', /^it is a private address$/],
    ['8.8.8.8:443', /^no entry allows this address$/],
    ['[::ffff:8.8.8.8]:443', /^it is an IPv6 address that contains an IPv4 address$/],
    ['[::ffff:10.0.0.1]:443', /^it is an IPv6 address that contains 10\.0\.0\.1, a private address$/],
    [`${mine}:8099`, /^it is an address of the runner’s machine$/],
    [
      `[::ffff:${mine}]:8099`,
      new RegExp(`^it is an IPv6 address that contains ${mine}, an address of the runner’s machine$`),
    ],
  ] as const) {
    const target = parseTarget(text) ?? assert.fail(text);
    const { refusal } = decide({ ...base, addresses: [address('10.0.0.0/9', [1])] }, target);
    assert.match(refusal?.reason ?? '', reason, text);
    const entries = [...(refusal?.remedy ?? '').matchAll(/"([^"]+)"/g)].flatMap(([, entry = '']) => parseEntry(entry));
    const addresses = entries.flatMap((entry) =>
      entry.kind === 'address' ? [{ cidr: showBlock(entry.block), ports: [...entry.ports], source: entry.text }] : [],
    );
    assert.equal(decide({ ...base, addresses }, target).refusal, undefined, String(refusal?.remedy));
  }
});

test('the server may be anywhere if the configuration names it, and only then', () => {
  const server = { host: 'plan42.example', port: 443 };
  const decided = (mayBeAnywhere: boolean) =>
    decide({ ...base, server: { ...server, mayBeAnywhere } }, parseTarget('plan42.example:443') ?? assert.fail());
  for (const mayBeAnywhere of [true, false]) {
    const { permission } = decided(mayBeAnywhere) as { permission: Parameters<typeof refuseAddress>[1] };
    const policy = { ...base };
    for (const text of ['127.0.0.1', '169.254.169.254', '10.0.0.1'])
      assert.equal(
        refuseAddress(policy, permission, parseAddress(text) ?? assert.fail(), 443) === undefined,
        mayBeAnywhere && true,
        text,
      );
    assert.equal(refuseAddress(policy, permission, parseAddress('8.8.8.8') ?? assert.fail(), 443), undefined);
  }
});

test('an address may be for names only', () => {
  const policy = { ...base, addresses: [{ ...address('10.20.0.0/16'), isForNamesOnly: true }] };
  const target = parseTarget('10.20.1.2:443') ?? assert.fail();
  const { refusal } = decide(policy, target);
  assert.match(refusal?.remedy ?? '', /add "10\.20\.1\.2" to egress\.always/);
  assert.equal(isRefused({ addresses: policy.addresses }, '10.20.1.2'), false);
});

test('the rule that allows private addresses counts, whatever comes before it', () => {
  const rule = { host: '*.corp.example', ports, source: 'one', mayBePrivate: false };
  const policy = { ...base, rules: [rule, { ...rule, host: 'git.corp.example', source: 'two', mayBePrivate: true }] };
  const rules = (text: string) => {
    const { permission } = decide(policy, parseTarget(text) ?? assert.fail()) as { permission?: { rule: string } };
    return permission?.rule;
  };
  assert.equal(rules('git.corp.example:443'), 'two');
  assert.equal(rules('www.corp.example:80'), 'one');
  assert.equal(rules('corp.example:443'), undefined);
});
