import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecryptionError, generateKeyPair, publicKeyPem } from './ecies.ts';
import { PublicKeys } from './public-keys.ts';

const newPem = () => publicKeyPem(generateKeyPair().publicKey);

test('a key that was parsed before is not parsed again', () => {
  const keys = new PublicKeys();
  const [one, other] = [newPem(), newPem()];
  const key = keys.parse(one);
  assert.notEqual(keys.parse(other), key);
  assert.equal(keys.parse(one), key);
  assert.equal(publicKeyPem(key), one);
});

test('the oldest of many keys are forgotten, and long texts at once', () => {
  const keys = new PublicKeys();
  const pem = newPem();
  const key = keys.parse(pem);
  for (let i = 0; i < 255; i += 1) keys.parse(newPem());
  assert.equal(keys.parse(pem), key);
  keys.parse(newPem());
  assert.notEqual(keys.parse(pem), key);
  const long = `${pem}${' '.repeat(1000)}`;
  assert.notEqual(keys.parse(long), keys.parse(long));
});

test('what is no key is rejected each time', () => {
  const keys = new PublicKeys();
  for (let i = 0; i < 2; i += 1) assert.throws(() => keys.parse('junk'), DecryptionError);
});
