import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pickByPrefix, shortIds } from './short-ids.ts';

describe('shortIds', () => {
  it('uses eight characters, or as many as make the IDs unique', () => {
    assert.equal(shortIds(['0123456789', 'abcdefghij'])('abcdefghij'), 'abcdefgh');
    assert.equal(shortIds(['0123456789', '0123456799'])('0123456789'), '012345678');
    assert.equal(shortIds(['0123456789', '0123456789'])('0123456789'), '01234567');
  });
});

describe('pickByPrefix', () => {
  const pick = (prefix: string) =>
    pickByPrefix(['abc1', 'abd2'], (id) => id, prefix, { kind: 'task', listCommand: 'plan42 server task list' });

  it('finds the only match, ignoring case', () => assert.equal(pick('ABC'), 'abc1'));

  it('rejects no match and several matches', () => {
    assert.throws(() => pick('x'), {
      message: 'task x not found',
      remedy: 'To list them, run "plan42 server task list".',
    });
    assert.throws(() => pick('ab'), { message: '2 tasks start with ab' });
    assert.throws(() => pick(''), { message: 'task  not found' });
  });
});
