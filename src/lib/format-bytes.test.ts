import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes } from './format-bytes.ts';

for (const [bytes, text] of [
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [10 * 1024, '10 KiB'],
  [1024 ** 2 - 1, '1.0 MiB'],
  [1.25 * 1024 ** 3, '1.3 GiB'],
  [2000 * 1024 ** 5, '2000 PiB'],
] as const) {
  test(`${bytes} bytes are ${text}`, () => assert.equal(formatBytes(bytes), text));
}
