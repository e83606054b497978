import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pickByPrefix, pickToRevoke, shortIds } from './short-ids.ts';

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

describe('pickToRevoke', () => {
  const items = [
    { id: 'k-00000001x', Revoked: true },
    { id: 'k-00000001y', Revoked: false },
    { id: 'k-00000002x', Revoked: true },
    { id: 'k-00000002y', Revoked: true },
    { id: 'k-00000003x', Revoked: false },
    { id: 'k-00000003y', Revoked: false },
  ];
  const pick = (prefix: string) =>
    pickToRevoke(items, ({ id }) => id, prefix, { kind: 'key', listCommand: 'list', constantLength: 2 }).id;

  it('needs eight characters that differ', () => {
    assert.throws(() => pick('k-0000000'), { message: '"k-0000000" is too short for the ID of the key to revoke' });
    assert.throws(() => pick(''), { exitCode: 2 });
  });

  it('prefers what is not revoked, and finds a revoked one again', () => {
    assert.equal(pick('K-00000001'), 'k-00000001y');
    assert.equal(pick('k-00000001x'), 'k-00000001x');
    assert.throws(() => pick('k-00000002'), { message: '2 keys start with k-00000002' });
    assert.throws(() => pick('k-00000003'), { message: '2 keys start with k-00000003' });
  });
});
