import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { test } from 'node:test';
import { InvalidValue } from './kinds.ts';
import { mounts, parseMount, showMount } from './mounts.ts';

const message = (text: string) => {
  try {
    parseMount(text);
    return '';
  } catch (error) {
    assert.ok(error instanceof InvalidValue);
    return error.message;
  }
};

test('a mount is read-only unless it says "rw", and ~ is the home folder', () => {
  assert.deepEqual(parseMount('~/.claude:/home/agent/.claude'), {
    source: `${homedir()}/.claude`,
    target: '/home/agent/.claude',
    isReadOnly: true,
    relabel: false,
  });
  for (const [text, shown] of [
    ['/a/:/b/./c/', '/a:/b/c:ro'],
    ['/a:/b:ro', '/a:/b:ro'],
    ['/a:/b:rw', '/a:/b:rw'],
    ['/a:/b:z', '/a:/b:ro,z'],
    ['/a:/b:rw,z', '/a:/b:rw,z'],
    ['/:/host', '/:/host:ro'],
  ] as const)
    assert.equal(showMount(parseMount(text)), shown);
});

test('anything else is rejected, with the reason', () => {
  for (const [text, reason] of [
    ['/a', /"\/a", which is not "SOURCE:TARGET"/],
    ['/a:/b:ro:x', /which is not "SOURCE:TARGET"/],
    ['a:/b', /not an absolute path/],
    ['~other:/b', /home folder of another user/],
    ['/a:b', /whose target is not an absolute path/],
    ['/a:/', /whose target \/ is reserved/],
    ['/a:/x/../proc/1', /whose target \/proc\/1 is reserved/],
    ['/a:/etc/plan42/ca', /is reserved/],
    ['/a:/b:wr', /whose options are not/],
    ['/a:/b:ro,rw', /whose options are not/],
    ['/a,source=/etc:/b', /contains a comma/],
    ['/a:/b\n', /control character/],
  ] as const)
    assert.match(message(text), reason, text);
  assert.throws(() => mounts.fromToml(['/a:/c', '/b:/c/']), /a list with two mounts at \/c/);
});
