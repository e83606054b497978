import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withLocation } from './with-location.ts';

test('commands in hints are for the server that the user has named', () => {
  const cases = [
    ['"plan42 server task list"', '"plan42 server task list --data /a"'],
    ['Run plan42 task follow abcdef12.', 'Run plan42 task follow --data /a abcdef12.'],
    ['plan42 server access-key revoke P42K0', 'plan42 server access-key revoke --data /a P42K0'],
    [
      'plan42 server link, or "plan42 server start"',
      'plan42 server link --data /a, or "plan42 server start --data /a"',
    ],
    ['plan42 runner config set; plan42 run x', 'plan42 runner config set; plan42 run x'],
  ] as const;
  for (const [text, expected] of cases) {
    assert.equal(withLocation(text, {}), text);
    assert.equal(withLocation(text, { personal: true }), text);
    assert.equal(withLocation(text, { data: '/a' }), expected);
  }
  assert.equal(
    withLocation('plan42 server turn list x', { server: 'https://a.example', data: "it's" }),
    "plan42 server turn list --data 'it'\\''s' --server https://a.example x",
  );
  const start = 'Run "plan42 server start".';
  assert.equal(withLocation(start, { server: 'https://a.example' }), start, 'not on this machine');
});
