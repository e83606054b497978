import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRefusal } from './refusal.ts';

test('the last words of init become reason and remedy', () => {
  const line = 'plan42-wall: refused: the container has the network interface eth0\n';
  assert.deepEqual(readRefusal(`first\n${line}gateway: bye\n`, 125), {
    reason: 'the wall around its network does not stand: the container has the network interface eth0',
    remedy: 'Remove the network from the configuration of the engine.',
  });
  assert.match(readRefusal('plan42-wall: refused: something new', 125)?.remedy ?? '', /doctor/);
  assert.deepEqual(readRefusal('plan42-wall: cannot start /bin/x: permission denied\n', 126), {
    reason: '/bin/x: permission denied',
  });
});

test('an agent that ran has no such words, whatever it prints', () => {
  for (const [log, code] of [
    ['', 125],
    ['said: plan42-wall: refused: x', 125],
    ['plan42-wall: cannot start x', 125],
    ['plan42-wall: refused: x', 126],
  ] as const)
    assert.equal(readRefusal(log, code), undefined, log);
});
