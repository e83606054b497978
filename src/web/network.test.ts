import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostsInOrder, type NetworkHost, type TurnNetwork } from '../plan42/turn-network.ts';
import { networkTitle, transferred } from './network.ts';

const host = (Host: string, Verdict: NetworkHost['Verdict'], Count: number): NetworkHost => ({
  ...{ Host, Port: 443, Verdict, Code: '', Rule: '', Remedy: '', Count },
  ...{ SentBytes: 1024, ReceivedBytes: 0 },
});
const network = (Hosts: NetworkHost[], Mode: TurnNetwork['Mode'] = 'Enforce'): TurnNetwork => ({
  ...{ Mode, Notes: [], Hosts, OtherAllowed: 0, OtherRefused: 0, IsFinal: true },
});

test('refused hosts come first, the most frequent before the others', () => {
  const hosts = [host('a', 'Allowed', 9), host('b', 'Refused', 1), host('c', 'Observed', 5), host('d', 'Refused', 3)];
  assert.deepEqual(
    hostsInOrder(hosts).map(({ Host }) => Host),
    ['d', 'b', 'c', 'a'],
  );
});

test('the title says what was refused', () => {
  assert.equal(networkTitle(network([], 'None')), 'Network: not limited');
  assert.equal(networkTitle(network([])), 'Network: no host refused, 0 reached');
  const hosts = [host('a', 'Allowed', 9), host('b', 'Refused', 1), host('c', 'Observed', 5)];
  assert.equal(networkTitle(network(hosts)), 'Network: 1 host refused, 2 reached, of which 1 would be refused');
});

test('transferred bytes are shown if there are any', () => {
  assert.equal(transferred(host('a', 'Allowed', 1)), '1.0 KiB sent, 0 bytes received');
  assert.equal(transferred({ ...host('a', 'Refused', 1), SentBytes: 0 }), '');
});
