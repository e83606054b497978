import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Report, ReportEntry } from '../../gateway/report.ts';
import { describeTurnLimit, maxNetworkHosts } from '../../plan42/turn-network.ts';
import { turnNetwork } from './turn-network.ts';

const entry = (n: number, verdict: ReportEntry['verdict']): ReportEntry => ({
  host: `h${n}`,
  port: 443,
  verdict,
  code: '',
  rule: '',
  remedy: '',
  count: 2,
  sentBytes: n,
  receivedBytes: 0,
  firstAt: '',
  lastAt: '',
});

test('the first refusals and the largest transfers are listed, and the rest is counted', () => {
  const numbers = Array.from({ length: 150 }, (_, n) => n);
  const report: Report = {
    version: 1,
    mode: 'observe',
    entries: [...numbers.map((n) => entry(n, 'allowed')), ...numbers.map((n) => entry(n, 'refused'))],
    others: { allowed: 1, refused: 3 },
  };
  const network = turnNetwork({}, report, true);
  assert.equal(network?.Hosts.length, maxNetworkHosts);
  const names = (verdict: string) =>
    network?.Hosts.filter(({ Verdict }) => Verdict === verdict).map(({ Host }) => Host);
  assert.deepEqual(
    names('Refused'),
    numbers.slice(0, 100).map((n) => `h${n}`),
  );
  assert.deepEqual(
    names('Allowed'),
    numbers.slice(50).map((n) => `h${n}`),
  );
  assert.deepEqual([network?.OtherAllowed, network?.OtherRefused], [101, 103]);
  assert.deepEqual([network?.Mode, network?.IsFinal], ['Observe', true]);
});

test('without a report and a record of the start, nothing is known', () => {
  const limits = [
    { limit: 'max_duration', allowed: 3_600_000, used: 90_000 },
    { limit: 'max_cost', allowed: 2, used: undefined },
  ] as const;
  const limited = turnNetwork({ network: { mode: 'none', notes: [] } }, undefined, false, limits);
  assert.deepEqual(limited?.Limits?.map(describeTurnLimit), [
    'max_duration: 1 min 30 s of 1 h 0 min',
    'max_cost: 2.00',
  ]);
  assert.equal(turnNetwork({}, undefined, true), undefined);
  assert.equal(turnNetwork({ network: { mode: 'none', notes: [] } }, undefined, true)?.Mode, 'None');
});
